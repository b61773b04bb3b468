package main

import "liveclip/internal/note"

// doctorWords are what doctor says, in Chinese.
var doctorWords = note.Book{
	{English: "CJK font", Chinese: "中文字体"}, {English: "cores", Chinese: "CPU 核"}, {English: "disk", Chinese: "磁盘"}, {English: "openings", Chinese: "片头"}, {English: "speech models", Chinese: "语音模型"},
	{English: "face detector", Chinese: "人脸检测"}, {English: "voice detector", Chinese: "人声检测"}, {English: "recogniser", Chinese: "语音识别"}, {English: "video engine", Chinese: "视频引擎"},
	{English: "hears %s", Chinese: "识别 %[1]s"}, {English: "engine %s", Chinese: "引擎 %[1]s"}, {English: "answers", Chinese: "正常"},
	{English: "liveclip up has no queue to run on (apt install redis-server); serve can use a Redis elsewhere", Chinese: "liveclip up 没有队列可用（apt install redis-server）；serve 可使用别处的 Redis"},
	{English: "liveclip demo cannot make its room (apt install ffmpeg)", Chinese: "liveclip demo 无法制作示例直播间（apt install ffmpeg）"},
	{English: "no recording, no recognition, no finishing (make build)", Chinese: "无法录制、识别和成片（make build）"},
	{English: "Chinese titles and labels are drawn as boxes (apt install fonts-wqy-microhei)", Chinese: "中文标题和标识会显示为方框（apt install fonts-wqy-microhei）"},
	{English: "clips begin without one", Chinese: "切片没有片头"},
	{English: "%d of %d bases lie in %s; t2v makes the others while it is idle, until then an opening takes half as long again", Chinese: "%[3]s 中已备 %[2]s 个底片里的 %[1]s 个；其余由 t2v 空闲时制作，在此之前片头要多用一半时间"},
	{English: "no words are heard: only comments and requests make clips (make build)", Chinese: "听不到讲话：只能靠弹幕和人工请求出片（make build）"},
	{English: "its rooms make clips by comments and requests only", Chinese: "这类直播间只能靠弹幕和人工请求出片"},
	{English: "%s; %d live rooms at once (%.2f s of a core for a second of sound)", Chinese: "%[1]s；可同时听 %[2]s 个直播间（每秒声音用 %[3]s 秒单核）"},
	{English: "music and applause are given to recognisers as if somebody spoke (liveclip models get silero-vad)", Chinese: "音乐和掌声会被当作讲话送去识别（liveclip models get silero-vad）"},
	{English: "vertical clips follow what moves, not faces (set review.faces.model to YuNet's .onnx)", Chinese: "竖屏切片跟随运动而不是人脸（将 review.faces.model 设为 YuNet 的 .onnx）"},
	{English: "generated shots fall back to footage (set t2v.engine.address, or t2v.engines)", Chinese: "生成镜头改用实拍（设置 t2v.engine.address 或 t2v.engines）"},
	{English: "generated shots fall back to footage", Chinese: "生成镜头改用实拍"},
	{English: "%s, not ready yet: %s", Chinese: "%[1]s，尚未就绪：%[2]s"},
	{English: "recordings need about 2.7 GB an hour and room at 6 Mbit/s", Chinese: "6 Mbit/s 的直播间每小时约需 2.7 GB"}, {English: "%d GiB free here", Chinese: "此处可用 %[1]s GiB"},
	{English: "PocketSphinx's English and the Mandarin that comes with liveclip only (liveclip models get)", Chinese: "只有 PocketSphinx 的英文和自带的普通话模型（liveclip models get）"},
	{English: "they are looked for in %s", Chinese: "查找位置 %[1]s"},
	{English: "this machine lacks something liveclip cannot do without", Chinese: "这台机器缺少 liveclip 必需的组件"},
}
