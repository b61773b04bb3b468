package note

import "liveclip/internal/domain"

// What moderation found.
var (
	TermSaid    = Sentence{"%s term %q was said at %s", "%[3]s 说到%[1]s %[2]s"}
	TermWritten = Sentence{"%s term %q in the %s", "%[3]s中有%[1]s %[2]s"}
	UnheardTail = Sentence{"what was said after %s was not heard", "%[1]s 之后的讲话未被识别"}
	UnheardPart = Sentence{"%s of speech from %s on were not heard", "自 %[2]s 起有 %[1]s 讲话未被识别"}
	NobodyHears = Sentence{"nobody listens to this room: its engine is none", "本直播间未启用语音识别"}
	NotChecked  = Sentence{"could not be checked: %v", "未能自动审核：%[1]s"}
)

// How a clip ended, or what it lacks.
var (
	NotFinished = Sentence{"could not be finished: %v", "成片失败：%[1]s"}
	NoCut       = Sentence{"no cut: %v", "剪辑失败：%[1]s"}
	NotCopied   = Sentence{"no picture could be copied: no keyframe that a cut can begin at lies in the window, so all of it was encoded", "所选时段内没有可作起点的关键帧，无法原样复制画面，已全部重新编码"}
	LeftOut     = Sentence{"%s: left out: %v", "%[1]s：已略去：%[2]s"}
	NoFaces     = Sentence{"vertical: faces were not looked for, the picture follows what moves: %v", "竖屏：未识别人脸，画面跟随运动：%[1]s"}
	FacesGiven  = Sentence{"vertical: faces were not looked for after attempts that failed", "竖屏：多次失败后不再识别人脸"}
	Preset      = Sentence{"encoded at %s instead of %s: %s", "编码由 %[2]s 降为 %[1]s：%[3]s"}
	Profiles    = Sentence{"made in %d of %d profiles: %s", "%[2]s 个规格只制作了 %[1]s 个：%[3]s"}
	AtOnce      = Sentence{"%d clips were finished at once", "同时成片 %[1]s 条"}
	Backlog     = Sentence{"%.0f s of it were over when it was asked for", "请求时已过去 %[1]s 秒"}
	BeganLate   = Sentence{"it began %.1f s late", "晚 %[1]s 秒开始"}
)

// What became of openings and generated shots.
var (
	TemplateLeftOut = Sentence{"template %s was left out: %v", "片头“%[1]s”未能制作，已省略：%[2]s"}
	FootageInstead  = Sentence{"generated shot failed: used footage instead: %v", "生成镜头失败，改用实拍：%[1]s"}
	TemplateInstead = Sentence{"generated shot failed: template %s instead: %v", "生成镜头失败，改用模板“%[1]s”：%[2]s"}
	DrawnInstead    = Sentence{"template %s instead of a generated shot", "以模板“%[1]s”代替生成镜头"}
	AnotherSeed     = Sentence{"generated again from another seed: %s", "换种子重新生成：%[1]s"}
	NoVoice         = Sentence{"nothing says its line: %v", "片头没有配音：%[1]s"}
	NoPicture       = Sentence{"the product's picture was left out: %v", "片头未用商品图片：%[1]s"}
	FewerSteps      = Sentence{"%d steps instead of %d", "%[2]s 步减为 %[1]s 步"}
	Smaller         = Sentence{"%dx%d instead of %dx%d", "画面由 %[3]s×%[4]s 缩为 %[1]s×%[2]s"}
	Shorter         = Sentence{"%v instead of %v", "时长由 %[2]s 减为 %[1]s"}
	TookTooLong     = Sentence{"it took too long (t2v.timeout)", "用时过长（t2v.timeout）"}

	NoGood     = Sentence{"no good after %d seeds: %s", "试过 %[1]s 个种子仍不合格：%[2]s"}
	Empty      = Sentence{"it has no picture", "没有画面"}
	Black      = Sentence{"%.0f %% of it is black, more than %.0f %%", "黑场 %[1]s%%，超过 %[2]s%%"}
	Frozen     = Sentence{"%.0f %% of it is frozen, more than %.0f %%", "静止 %[1]s%%，超过 %[2]s%%"}
	Blurred    = Sentence{"it is blurred: sharpness %.4f, less than %.4f", "画面模糊：清晰度 %[1]s，低于 %[2]s"}
	Flickering = Sentence{"it flickers by %.3f, more than %.3f", "画面闪烁：%[1]s，超过 %[2]s"}
)

// How engines are, and why one is not asked.
var (
	MomentPassed = Sentence{"its moment has passed", "时机已过"}
	NoEngine     = Sentence{"no generation engine configured", "没有配置视频生成引擎"}
	NoneAble     = Sentence{"no generation engine can make it", "没有引擎能生成它"}
	NotReady     = Sentence{"the generation engine is not ready: %s: %s", "生成引擎 %[1]s 尚未就绪：%[2]s"}
	NoTime       = Sentence{"it cannot end in time: %v are left", "来不及生成：只剩 %[1]s"}
	TooMuch      = Sentence{"the engines have too much to do until it is due", "引擎任务过多，来不及生成"}
	OthersFirst  = Sentence{"another stream had less of the engines", "已让给占用引擎较少的直播间"}
	SlowEngines  = Sentence{"the engines took longer than expected: it cannot end in time any more", "引擎比预期慢，已来不及生成"}
	FailedOften  = Sentence{"failed %d times in a row, tried again in %s", "连续失败 %[1]s 次，%[2]s 后重试"}
	LeaveAlone   = Sentence{"asked to be left alone for %s", "引擎要求 %[1]s 内不再派活"}
	SaysNotWhy   = Sentence{"it says not why", "未说明原因"}

	EngineSilent   = Sentence{"the engine went silent", "引擎没有响应"}
	EngineSlow     = Sentence{"the engine took too long", "引擎用时过长"}
	EngineAway     = Sentence{"the engine is not reached: %w", "连不上引擎：%[1]s"}
	EngineAnswered = Sentence{"the engine answered %d: %w", "引擎返回 %[1]s：%[2]s"}
	EngineFailed   = Sentence{"the engine failed: %.200s", "引擎报错：%[1]s"}
	EngineEmpty    = Sentence{"the engine finished without a picture", "引擎没有给出画面"}
	NoReason       = Sentence{"no reason given", "未说明原因"}
)

// What the plan left out.
var (
	NotGenerated = Sentence{"no shot was generated: %s", "未生成镜头：含%[1]s"}
	Forbidden    = Sentence{"%s term %q", "%[1]s %[2]s"}
	OwnPrompt    = Sentence{"the library's prompt was used: language model: %v", "语言模型未采用，使用模板提示词：%[1]s"}
	PromptCut    = Sentence{"the %s was cut to the %d characters that %s engines take", "%[1]s过长，已按 %[3]s 引擎的上限截到 %[2]s 字"}
	Cleaned      = Sentence{"the opening's %s was cleaned of %q", "片头的 %[1]s 已去除违禁词 %[2]s"}
	CutTo        = Sentence{"%.40s has %d characters: cut to %d", "%[1]s 长 %[2]s 字，已截到 %[3]s 字"}
	NoControls   = Sentence{"%.40s had control characters: they were taken out", "%[1]s 含控制字符，已去除"}
	NoOpening    = Sentence{"there is no opening %.40q: the clip has none", "没有片头 %[1]s，切片不加片头"}
	OtherOpening = Sentence{"opening %s needs a %s, and none was named: %s instead", "片头“%[1]s”缺少%[2]s，已改用“%[3]s”"}
	RequestedBy  = Sentence{"requested by %s", "由 %[1]s 请求"}
	MovedBy      = Sentence{"its ends were moved by %s", "由 %[1]s 调整起止"}
	BadMode      = Sentence{"the mode %.40q is unknown", "没有模式 %[1]s"}
	TooEarly     = Sentence{"the window begins %s before the broadcast", "所选时段早于开播 %[1]s"}
	EmptyWindow  = Sentence{"the window %s to %s is empty", "所选时段 %[1]s 至 %[2]s 为空"}
	TooLong      = Sentence{"the window is %s long, at most %s can be clipped", "所选时段长 %[1]s，最多可剪 %[2]s"}
)

// How a room is.
var (
	Still      = Sentence{"nothing recorded for %s", "已 %[1]s 没有录到内容"}
	StillSince = Sentence{"nothing recorded for %s: %s", "已 %[1]s 没有录到内容：%[2]s"}
	OnAirYet   = Sentence{"the broadcast is still on air: of what was noticed so far", "直播尚未结束：只含目前已发现的高光"}
)

// What became of publications.
var (
	Answered      = Sentence{"the destination answered %d", "目的地返回 %[1]s"}
	AnsweredWith  = Sentence{"the destination answered %d: %s", "目的地返回 %[1]s：%[2]s"}
	NoRedirects   = Sentence{"redirects are not followed", "不跟随重定向"}
	NoDestination = Sentence{"no such destination is configured", "没有配置这个目的地"}
	Deconfigured  = Sentence{"the destination is not configured any more", "该目的地已不在配置中"}
	EndUnseen     = Sentence{"a call was begun and its end was not seen", "已发出请求，但结果未知"}
	Unanswered    = Sentence{"the request was sent and no answer came", "请求已发出，没有收到答复"}
	NoRendition   = Sentence{"the clip has no rendition in profile %q", "切片没有规格为 %[1]s 的成片"}
	TakenDown     = Sentence{"taken down", "已下架"}
	Replaced      = Sentence{"replaced by revision %d", "已由第 %[1]s 次修订取代"}
	Unsent        = Sentence{"%s before it was sent", "尚未发送：%[1]s"}
	NobodyTold    = Sentence{"the destination is not configured any more: nobody told it to take it down", "该目的地已不在配置中，未能通知其下架，请到平台上核对"}
	RecallUnseen  = Sentence{"the destination was told to take it down, and its answer was not seen", "已通知目的地下架，但没有收到答复，请到平台上核对"}
	NotRecalled   = Sentence{"the destination did not take the withdrawal: %v", "目的地没有接受下架，请到平台上手动处理：%[1]s"}
	StillThere    = Sentence{"a revision before this one is still there", "此前的版本仍在该目的地"}
	MayStillBe    = Sentence{"a revision before this one may still be there: %s", "此前的版本可能仍在该目的地：%[1]s"}
	GaveUp        = Sentence{"gave up after %d calls: %v", "试了 %[1]s 次后放弃：%[2]s"}
	TakenDownBy   = Sentence{"by %s: %s", "%[1]s：%[2]s"}
)

// sentences are all of these, and others that only stand beneath them.
var sentences = []Sentence{
	TermSaid, TermWritten, UnheardTail, UnheardPart, NobodyHears, NotChecked,
	NotFinished, NoCut, NotCopied, NoFaces, FacesGiven, Preset, Profiles, AtOnce, Backlog, BeganLate,
	TemplateLeftOut, FootageInstead, TemplateInstead, DrawnInstead, AnotherSeed, NoVoice, NoPicture, TookTooLong,
	NoGood, Empty, Black, Frozen, Blurred, Flickering,
	MomentPassed, NoEngine, NoneAble, NotReady, NoTime, TooMuch, OthersFirst, SlowEngines, FailedOften, LeaveAlone, SaysNotWhy,
	EngineSilent, EngineSlow, EngineAway, EngineAnswered, EngineFailed, EngineEmpty, NoReason,
	NotGenerated, OwnPrompt, PromptCut, Cleaned, CutTo, NoControls, NoOpening, OtherOpening, RequestedBy, MovedBy, BadMode, TooEarly, EmptyWindow, TooLong,
	StillSince, Still, OnAirYet, AnsweredWith, Answered, NoRedirects, NoDestination, Deconfigured, EndUnseen, Unanswered, NoRendition, TakenDown, Replaced, Unsent, NobodyTold, RecallUnseen, NotRecalled, StillThere, MayStillBe, GaveUp, TakenDownBy,
	{domain.ClippedToStart, "从录制开始处开始：此前没有录制"},
	{domain.ClippedToEnd, "到直播结束为止：此后没有录制"},
	{domain.ClippedToLoss, "到录制中断处为止"},
	{domain.ClippedToGap, "因录制中断而缩短"},
	{domain.ClippedToKept, "开始晚于请求：更早的录制已按保留期限删除"},
	{domain.TooShort, "短于规则规定的最短时长：录制不足"},
	{domain.NoteGap, "跨越一段录制中断"},
	{"the source ended", "推流已结束"}, {"the source gave nothing", "直播源没有内容"}, {"the source is damaged beyond here", "直播源自此损坏"}, {"the publisher left", "推流端已断开"},
	{"the stream was detached", "直播间已断开"}, {"stopped", "已停止"}, {"the server is shutting down", "服务正在停止"},
	NotListening, BrokenOff, NoAnswer, NoRoute, NoSuchHost, NoResolver, AddressTaken, NotOurs, NoFile, NotAllowed, DiskFull, QuotaUsed, ReadOnly, DiskFailed, StorageGone,
	TooManyFiles, NoMemory, Exists, NoFolder, IsFolder, NameTooLong, FileTooLarge, NoProgram, CutShort, HungUp, Untrusted, OtherHost, Expired, NotTLS,
	NotMedia, NoProtocol, NoDecoder, NoStream, SourceEnded,
	BadCall, NotKnown, Forbade, NotThere, Gone, TooLarge, TooOften, ServerFailed, ServerBusy,
	{"source %s: %s", "%[2]s（直播源 %[1]s）"}, {"write to folder %s: %s", "写入文件夹 %[1]s：%[2]s"}, {"remove from folder %s: %s", "从文件夹 %[1]s 删除：%[2]s"}, {"call %s: %s", "请求 %[1]s：%[2]s"},
	{"%s: the limit of %s was exceeded", "超过限制 %[1]s（%[2]s）：请调高该设置，或缩短切片"}, {"media child %s crashed: %s", "媒体进程 %[1]s 崩溃：%[2]s"}, {"media child %s exited without an answer", "媒体进程 %[1]s 异常退出"},
	{"transcribe by %s: after %d tries: %s", "语音识别服务 %[1]s 试了 %[2]s 次：%[3]s"},
	{"find host: %s", "%[1]s"}, {"open %s: %s", "%[2]s（%[1]s）"},
	{"connection refused", "连接被拒绝"}, {"context deadline exceeded", "超时"}, {"i/o timeout", "超时"}, {"no such host", "域名无法解析"},
	Forbidden, LeftOut, Smaller, FewerSteps, Shorter,
}

// words are values of the sentences that liveclip itself names.
var words = map[string]string{
	"absolute": "绝对化用语", "medical": "医疗功效用语", "investment": "投资回报承诺", "sensitive": "敏感词", "trade": "站外交易用语",
	"title": "标题", "overlay": "画面文字", "transcript": "讲话", "prompt": "提示词", "negative prompt": "反向提示词",
	"none": "无", "product": "商品", "price": "价格", "was": "原价", "countdown": "倒计时", "host": "主播", "quote": "好评",
	"price_drop": "价格直降", "new_arrival": "新品上架", "unboxing": "开箱评测", "last_chance": "库存告急", "buy_one_get_one": "买一送一", "encore": "爆款返场", "live_now": "正在直播", "praise": "好评口碑",
}
