package ops

import "liveclip/internal/note"

// problemWords are the problems that an operator meets, in Chinese. Others stay in English: they speak to programs.
var problemWords = note.Book{
	{English: `no token: send the header "Authorization: Bearer …"`, Chinese: "没有令牌：请发送请求头 Authorization: Bearer …"},
	{English: "the token is not known", Chinese: "令牌无效"},
	{English: "%s may not do this: it needs the role %s, and has %s", Chinese: "%[1]s 无权执行此操作：需要 %[2]s 角色，现为 %[3]s"},
	{English: "clip %s is not known", Chinese: "找不到切片 %[1]s"}, {English: "stream %s is not known", Chinese: "找不到直播间 %[1]s"}, {English: "batch %s is not known", Chinese: "找不到批次 %[1]s"},
	{English: "%s: ask again in a few seconds", Chinese: "%[1]s，请几秒后重试"},
	{English: "another call is changing %s: ask again", Chinese: "另一个请求正在修改 %[1]s，请重试"},
	{English: "the call could not be done; the server's log says why", Chinese: "操作未能完成，原因见服务端日志"},

	{English: "stream %s is attached to another source, %s: detach it first", Chinese: "直播间 %[1]s 已接入其他来源 %[2]s，请先断开"},
	{English: "no asr process that takes pushes is running: ask again when one is", Chinese: "没有可接收推流的 asr 进程，请稍后重试"},
	{English: `source %.200q: must be "push" or a URL that begins with %s`, Chinese: "来源 %[1]s 须为 push 或以 %[2]s 开头的地址"},
	{English: "source: scheme %.20q is not allowed; it must be %s", Chinese: "来源协议 %[1]s 不允许，须为 %[2]s"},
	{English: "source %.200q: names no host", Chinese: "来源 %[1]s 缺少主机名"},
	{English: "source: %s is a private address (ops.allow_private, with asr.allow_private, lets it in)", Chinese: "来源 %[1]s 是内网地址（ops.allow_private 与 asr.allow_private 可放行）"},
	{English: "source: %s is this machine (ops.allow_private, with asr.allow_private, lets it in)", Chinese: "来源 %[1]s 是本机（ops.allow_private 与 asr.allow_private 可放行）"},
	{English: "source: %s is at the private address %s (ops.allow_private, with asr.allow_private, lets it in)", Chinese: "来源 %[1]s 指向内网地址 %[2]s（ops.allow_private 与 asr.allow_private 可放行）"},
	{English: "source: %.100q is neither a host name nor an address in the usual notation", Chinese: "来源 %[1]s 不是主机名，也不是常规写法的地址"},
	{English: "source: none given, and there is no template to find stream %s by (ops.source_template)", Chinese: "没有给出来源，也没有可用来查找直播间 %[1]s 的模板（ops.source_template）"},
	{English: "context.engine: must be one of %s, is %.80q", Chinese: "没有识别引擎 %[2]s，可选：%[1]s"},
	{English: "%s: longer than %d characters, has %d", Chinese: "%[1]s 过长：最多 %[2]s 字，现有 %[3]s 字"},

	{English: "stream %s has not been on air: there is nothing to clip", Chinese: "直播间 %[1]s 还没有开播，没有内容可剪"},
	{English: "stream %s: of its %d clips of broadcast %q none is there to show in %s", Chinese: "直播间 %[1]s 这场直播的 %[2]s 个切片中，没有能放进 %[4]s 的"},
	{English: "window: is 0 s long", Chinese: "所选时段长度为 0"}, {English: "window: lies before the recording began", Chinese: "所选时段早于录制开始"},
	{English: "window: ends (%s) before it starts (%s)", Chinese: "所选时段的结束（%[1]s）早于开始（%[2]s）"},
	{English: "window: ends at %s, and the recording is kept from %s on (asr.retention)", Chinese: "所选时段止于 %[1]s，而录制只保留了 %[2]s 之后的内容（asr.retention）"},
	{English: "window: begins at %s, and the broadcast ended at %s", Chinese: "所选时段始于 %[1]s，而直播已在 %[2]s 结束"},
	{English: "window: ends %s from now; at most %s ahead can be asked for (ops.clip_ahead)", Chinese: "所选时段止于 %[1]s 之后，最多可提前 %[2]s 请求（ops.clip_ahead）"},
	{English: "window: is %s long; at most %s can be asked for (ops.clip_max)", Chinese: "所选时段长 %[1]s，最长 %[2]s（ops.clip_max）"},

	{English: "clip %s was taken down: nothing can be decided on it any more", Chinese: "切片 %[1]s 已下架，不能再审核"},
	{English: "clip %s could not be made: there is nothing to approve", Chinese: "切片 %[1]s 制作失败，没有可通过的内容"},
	{English: "clip %s was taken down: it can't be changed any more", Chinese: "切片 %[1]s 已下架，不能再修改"},
	{English: "clip %s is of a broadcast before the newest: its ends can't be moved any more", Chinese: "切片 %[1]s 属于更早的一场直播，起止不能再调整"},
	{English: "clip %s is a recap: it has no two ends", Chinese: "切片 %[1]s 是回顾，没有起止可调"},
	{English: "clip %s is %s: its ends can be moved once it is planned", Chinese: "切片 %[1]s 尚未策划（%[2]s），暂不能调整起止"},
	{English: "clip %s is %s: only a playable clip can go to a destination", Chinese: "切片 %[1]s 尚不可播放（%[2]s），不能分发"},
	{English: "nothing of the clip's window was recorded", Chinese: "该时段没有录制内容"},
	{English: "nothing of the clip's window is recorded yet: ask again", Chinese: "该时段尚未录到内容，请重试"},
	{English: "stream %s is not on air: lines have no media time", Chinese: "直播间 %[1]s 不在直播，字幕没有媒体时间"},
	{English: "stream %s takes no lines: %s; they are taken where the engine is captions (attach --engine captions)", Chinese: "直播间 %[1]s 不收字幕，请用 captions 引擎接入（%[2]s）"},
	{English: "stream %s has no recorder now: send the lines again in a few seconds", Chinese: "直播间 %[1]s 的录制进程正在切换，请几秒后重发"},
	{English: "stream %s: %s: send the lines again in a few seconds", Chinese: "直播间 %[1]s 待发布的字幕过多，请几秒后重发（%[2]s）"},
}
