package main
import ("testing";"context";"fmt";"syscall";"strings";"strconv";"github.com/redis/go-redis/v9";"liveclip/internal/job/jobbench";"os";"runtime/pprof")
func cpu() float64 { var u syscall.Rusage; syscall.Getrusage(0,&u); return float64(u.Utime.Nano()+u.Stime.Nano())/1e3 }
func rcpu(rdb redis.UniversalClient) float64 { s,_:=rdb.Info(context.Background(),"cpu").Result(); t:=0.0; for _,l:=range strings.Split(s,"\r\n"){ k,v,_:=strings.Cut(l,":"); if k=="used_cpu_sys"||k=="used_cpu_user"{ f,_:=strconv.ParseFloat(v,64); t+=f}}; return t*1e6}
func TestCPU(t *testing.T){
 n:=20000
 for _,c:=range []struct{name string; f func(redis.UniversalClient)(jobbench.Rate,error)}{
  {"bare",func(r redis.UniversalClient)(jobbench.Rate,error){return jobbench.Bare(t.Context(),r,n)}},
  {"ours200",func(r redis.UniversalClient)(jobbench.Rate,error){return jobbench.Queue(t.Context(),r,n,200)}},
  {"ours2000",func(r redis.UniversalClient)(jobbench.Rate,error){return jobbench.Queue(t.Context(),r,n,2000)}},
  {"bare",func(r redis.UniversalClient)(jobbench.Rate,error){return jobbench.Bare(t.Context(),r,n)}},
 }{
  withRedis(t.Context(), func(rdb redis.UniversalClient, _ string) error {
   if c.name=="ours200" { f,_:=os.Create("/tmp/fcpu/ours.prof"); pprof.StartCPUProfile(f); defer pprof.StopCPUProfile() }
   a,b:=cpu(),rcpu(rdb); r,err:=c.f(rdb); if err!=nil {t.Error(err)}
   fmt.Printf("%s put %.0f run %.0f: go %.1f us/job redis %.1f us/job (put included)\n",c.name,r.Put,r.Run,(cpu()-a)/float64(n),(rcpu(rdb)-b)/float64(n))
   s,_:=rdb.Info(t.Context(),"commandstats").Result(); for _,l:=range strings.Split(s,"\r\n"){ if strings.Contains(l,"eval")||strings.Contains(l,"hget:")||strings.Contains(l,"sismember") {fmt.Println("   ",l)}}
   return nil })
 }
}
