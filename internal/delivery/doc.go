// Package delivery has what was sent to viewers as lines of text: the log file that the VOD path writes of its own answers,
// and the logs of CDNs and of nginx, read into the same records, so that one account holds both. It also reads what a request
// says of itself.
//
// # Lines
//
// A Line is one record as JSON, a line each, in the log file and from `liveclip deliveries import`. Names are a CDN log's:
// what was asked, what was sent, whether it was in the cache, who referred.
//
// # Foreign logs
//
// An Importer reads one form, a line at a time, bounded; a line it cannot read is an error that names its number and reason,
// and the next line goes on. What is not of the VOD path is told apart (ErrElsewhere). The forms, and where their fields are
// written down:
//
//	aliyun      offline logs of Alibaba Cloud CDN ("Offline log field descriptions"): [end of the request] client proxy
//	            milliseconds "referer" "method URL" status request-bytes response-bytes HIT|MISS "agent" "type"
//	tencent     log service of Tencent Cloud CDN and VOD ("Downloading Logs"): time client domain path bytes province
//	            provider status referer milliseconds "agent" "range" method protocol hit port, times in UTC+8
//	cloudfront  standard logs of Amazon CloudFront ("Standard logging reference"): tabs, fields by the #Fields line, UTC
//	nginx       the "combined" log format, and after it, where the log_format has them, name=value pairs: range, content_range,
//	            request_id, request_time, first_byte, cache
//	liveclip    the log file of the VOD path itself
//
// An nginx that proxies the VOD path writes all of it with
//
//	log_format clips '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
//	                 '"$http_user_agent" range="$http_range" content_range="$sent_http_content_range" '
//	                 'request_id=$request_id request_time=$request_time cache=$upstream_cache_status';
//
// Sent of aliyun, tencent and cloudfront counts the head of the response, too: that is what they charge for. Aliyun's offline
// log has no Range.
package delivery
