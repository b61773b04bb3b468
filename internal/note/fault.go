package note

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
)

// fault is a failure of the system's, or of another program, said so that an operator knows what to do.
type fault struct {
	sentence Sentence
	err      error
}

// Error has the original behind the sentence, in brackets: Chinese leaves it to the English, which the console unfolds.
func (f fault) Error() string {
	return f.sentence.English + original + strings.ReplaceAll(f.err.Error(), joint, ", ") + "]"
}

func (f fault) Unwrap() error { return f.err }

// original is what comes between a sentence and the failure that it says.
const original = " ["

// Fault is err, said by the sentence. One that is said by a sentence already stays.
func (s Sentence) Fault(err error) error {
	if err == nil || errors.As(err, new(fault)) {
		return err
	}
	return fault{s, err}
}

// Plain says the system's usual failures by sentences that tell what to do. It goes by values (error numbers, types), never by
// texts; any other error stays as it is.
func Plain(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range types {
		if known.is(err) {
			return known.said.Fault(err)
		}
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		if said, known := Number(number); known {
			return said.Fault(err)
		}
	}
	for _, known := range broad {
		if known.is(err) {
			return known.said.Fault(err)
		}
	}
	return err
}

// Foreign is Plain of what another process wrote: of such a failure there is no value, but the system's own words at its end.
func Foreign(text string) error {
	err := errors.New(text)
	for number, said := range numbers {
		if strings.HasSuffix(text, number.Error()) {
			return said.Fault(err)
		}
	}
	if strings.HasSuffix(text, "i/o timeout") {
		return NoAnswer.Fault(err)
	}
	return err
}

// Number says an error number of the system's.
func Number(n syscall.Errno) (Sentence, bool) {
	said, known := numbers[n]
	return said, known
}

// Status says what an HTTP status that is no success asks of an operator; false for one that says nothing of itself.
func Status(code int) (Sentence, bool) {
	said, known := statuses[code]
	if !known && code >= http.StatusInternalServerError {
		return ServerFailed, true
	}
	return said, known
}

// Failures of the system's.
var (
	NotListening = Sentence{"nothing listens at that address", "对方端口没有服务在监听：请核对地址和端口，确认对方服务已启动"}
	BrokenOff    = Sentence{"the other side broke the connection off", "连接被对方中断：请检查对方服务和网络，再重试"}
	NoAnswer     = Sentence{"no answer came in time", "超时没有响应：请检查网络、防火墙，以及对方是否繁忙"}
	NoRoute      = Sentence{"the network does not lead there", "网络不可达：请检查本机网络、路由和防火墙"}
	NoSuchHost   = Sentence{"no such host name is known", "域名无法解析：请核对地址中的域名"}
	NoResolver   = Sentence{"the name server does not answer", "域名服务器没有响应：请检查本机的 DNS 设置"}
	AddressTaken = Sentence{"the port is taken by another program", "端口已被其他程序占用：请换一个端口，或停掉占用它的程序"}
	NotOurs      = Sentence{"this machine does not have that address", "本机没有这个地址：请核对监听地址"}
	NoFile       = Sentence{"there is no such file or folder", "文件或文件夹不存在：请核对路径，确认磁盘已挂载"}
	NotAllowed   = Sentence{"the file system refuses it", "没有权限：请检查运行 liveclip 的用户对该路径的读写权限"}
	DiskFull     = Sentence{"the disk is full", "磁盘已满：请清理空间或换一块磁盘"}
	QuotaUsed    = Sentence{"the disk quota is used up", "磁盘配额已用完：请清理空间或调高配额"}
	ReadOnly     = Sentence{"the file system is read-only", "磁盘是只读的：请以可写方式重新挂载"}
	DiskFailed   = Sentence{"reading or writing failed", "读写失败：若是直播源，请确认它正在推流；若是磁盘，请检查硬件"}
	StorageGone  = Sentence{"the network storage has gone away", "网络存储已失联：请重新挂载"}
	TooManyFiles = Sentence{"too many files are open", "打开的文件过多：请调高上限（ulimit -n）"}
	NoMemory     = Sentence{"there is no memory left", "内存不足：请减少同时处理的直播间，或增加内存"}
	Exists       = Sentence{"it exists already", "已经存在：请换一个名字，或先移走原有的"}
	NoFolder     = Sentence{"a part of the path is no folder", "路径中有一段不是文件夹：请核对路径"}
	IsFolder     = Sentence{"it is a folder", "这是文件夹，不是文件：请核对路径"}
	NameTooLong  = Sentence{"the name is too long", "文件名或路径过长：请缩短"}
	FileTooLarge = Sentence{"the file is too large", "文件过大：请检查文件系统和进程的大小上限"}
	NoProgram    = Sentence{"a program it needs is not installed", "缺少所需程序：请运行 bin/liveclip doctor 查看要安装什么"}
	CutShort     = Sentence{"it ended before it was whole", "数据没有传完就断了：请检查网络，再重试"}
	HungUp       = Sentence{"the connection was closed without an answer", "对方没有答复就关闭了连接：请检查对方服务"}
	Untrusted    = Sentence{"nobody trusted signed the certificate", "证书不受信任：请安装签发它的根证书，或更换证书"}
	OtherHost    = Sentence{"the certificate is another host's", "证书与域名不符：请核对地址中的域名"}
	Expired      = Sentence{"the certificate is not valid now", "证书已过期或尚未生效：请更换证书，并核对本机时间"}
	NotTLS       = Sentence{"the other side does not speak TLS", "对方不是 HTTPS 服务：请把地址改为 http，或核对端口"}
)

// What is wrong with media and where it comes from.
var (
	NotMedia    = Sentence{"it is not a supported recording or stream, or is damaged beyond reading", "不是支持的音视频，或已损坏到无法读取：请确认推流端的编码为 H.264 或 HEVC，或换一个文件"}
	NoProtocol  = Sentence{"addresses of that kind cannot be read", "不支持这种地址：请用 rtmp、http、https 或 srt 开头的地址"}
	NoDecoder   = Sentence{"its codec is not supported", "不支持这种编码：请让推流端改用 H.264 或 HEVC 加 AAC"}
	NoStream    = Sentence{"it has no picture or sound of that kind", "其中没有所需的画面或声音：请检查推流端"}
	SourceEnded = Sentence{"it ended before anything could be read", "还没读到内容就结束了：请确认直播已开始，再重试"}
)

// What HTTP statuses ask for.
var (
	BadCall      = Sentence{"the request was not understood", "对方看不懂请求：请核对地址和参数"}
	NotKnown     = Sentence{"it wants a login, or another one", "需要登录，或凭据无效：请核对令牌或密钥"}
	Forbade      = Sentence{"it forbids access", "对方拒绝访问：请核对权限、防盗链和签名是否过期"}
	NotThere     = Sentence{"there is nothing at that address", "该地址没有内容：请核对地址，确认直播已开始"}
	Gone         = Sentence{"it was there and is no more", "该内容已被删除：请换一个地址"}
	TooLarge     = Sentence{"what was sent is too large for it", "发送的内容超过对方上限：请缩短切片，或调高对方的上限"}
	TooOften     = Sentence{"it was asked too often", "请求过于频繁：请稍后再试，或调高对方的限额"}
	ServerFailed = Sentence{"the other server failed", "对方服务器出错：请稍后再试，或联系对方"}
	ServerBusy   = Sentence{"the other server cannot take it now", "对方服务器暂时不可用：请稍后再试"}
)

var statuses = map[int]Sentence{
	http.StatusBadRequest: BadCall, http.StatusMethodNotAllowed: BadCall, http.StatusUnsupportedMediaType: BadCall,
	http.StatusUnauthorized: NotKnown, http.StatusProxyAuthRequired: NotKnown, http.StatusForbidden: Forbade,
	http.StatusNotFound: NotThere, http.StatusGone: Gone, http.StatusRequestTimeout: NoAnswer, http.StatusGatewayTimeout: NoAnswer,
	http.StatusRequestEntityTooLarge: TooLarge, http.StatusTooManyRequests: TooOften, http.StatusBadGateway: ServerBusy,
	http.StatusServiceUnavailable: ServerBusy,
}

var numbers = map[syscall.Errno]Sentence{
	syscall.ECONNREFUSED: NotListening, syscall.ECONNRESET: BrokenOff, syscall.ECONNABORTED: BrokenOff, syscall.EPIPE: BrokenOff,
	syscall.ETIMEDOUT: NoAnswer, syscall.EHOSTUNREACH: NoRoute, syscall.ENETUNREACH: NoRoute, syscall.ENETDOWN: NoRoute,
	syscall.EADDRINUSE: AddressTaken, syscall.EADDRNOTAVAIL: NotOurs,
	syscall.ENOENT: NoFile, syscall.ENXIO: NoFile, syscall.ENODEV: NoFile, syscall.EACCES: NotAllowed, syscall.EPERM: NotAllowed,
	syscall.ENOSPC: DiskFull, syscall.EDQUOT: QuotaUsed, syscall.EROFS: ReadOnly, syscall.EIO: DiskFailed, syscall.ESTALE: StorageGone,
	syscall.EMFILE: TooManyFiles, syscall.ENFILE: TooManyFiles, syscall.ENOMEM: NoMemory, syscall.EEXIST: Exists,
	syscall.ENOTDIR: NoFolder, syscall.EISDIR: IsFolder, syscall.ENAMETOOLONG: NameTooLong, syscall.EFBIG: FileTooLarge,
}

// types are failures that have no number, or say more than theirs.
var types = []struct {
	said Sentence
	is   func(error) bool
}{
	{NoSuchHost, func(err error) bool { var e *net.DNSError; return errors.As(err, &e) && e.IsNotFound }},
	{NoResolver, as[*net.DNSError]},
	{Untrusted, as[x509.UnknownAuthorityError]},
	{OtherHost, as[x509.HostnameError]},
	{Expired, func(err error) bool {
		var e x509.CertificateInvalidError
		return errors.As(err, &e) && e.Reason == x509.Expired
	}},
	{NotTLS, as[tls.RecordHeaderError]},
	{NoProgram, is(exec.ErrNotFound)},
}

// broad are failures of many causes, where there is no number.
var broad = []struct {
	said Sentence
	is   func(error) bool
}{
	{NoFile, is(fs.ErrNotExist)},
	{NotAllowed, is(fs.ErrPermission)},
	{NoAnswer, func(err error) bool { var e net.Error; return errors.As(err, &e) && e.Timeout() }}, // also of contexts
	{CutShort, is(io.ErrUnexpectedEOF)},
	{HungUp, is(io.EOF)},
}

func as[E error](err error) bool { return errors.As(err, new(E)) }

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}
