#!/usr/bin/env bash
# Runs a command beside a real Apache Kafka (one KRaft node) and a real redis-server, both on free loopback ports with
# their data in a temporary folder, and ends them with it:
#
#   deploy/kafka-test/kafka.sh COMMAND [ARGUMENT…]
#
# The command finds them by LIVECLIP_TEST_KAFKA and LIVECLIP_TEST_REDIS (host:port). Kafka's jars come from Maven Central,
# in the version pom.xml pins, and stay in ${XDG_CACHE_HOME:-~/.cache}/liveclip. Exits as the command does; 3 when Kafka or
# Redis cannot be had.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
jars="${XDG_CACHE_HOME:-$HOME/.cache}/liveclip/kafka-$version"

fail() { echo "kafka.sh: $*" >&2; exit 3; }

[ $# -gt 0 ] || fail "usage: kafka.sh COMMAND [ARGUMENT…]"

# need PROGRAM PACKAGE: there, or installed, or said so.
need() {
  command -v "$1" >/dev/null && return
  if command -v apt-get >/dev/null; then
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    echo "kafka.sh: installing $2" >&2
    { $sudo apt-get update -q && $sudo apt-get install -y -q --no-install-recommends "$2"; } >&2 || true
  fi
  command -v "$1" >/dev/null || fail "$1 is missing and could not be installed (package $2): the tests against a real Kafka need it"
}

fetch_jars() {
  [ -d "$jars" ] && return
  need mvn maven
  echo "kafka.sh: fetching Apache Kafka $version from Maven Central" >&2
  mkdir -p "$(dirname "$jars")"
  local fresh
  fresh=$(mktemp -d "$jars.XXXXXX")
  mvn -q -B -ntp -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$fresh" >&2 ||
    { rm -rf "$fresh"; fail "Apache Kafka $version could not be fetched from Maven Central"; }
  mv -T "$fresh" "$jars" 2>/dev/null || rm -rf "$fresh" # another run was faster
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

taken=" "
# free_port sets $port.
free_port() {
  while port=$((20000 + RANDOM % 12000)); answers "$port" || [[ $taken == *" $port "* ]]; do :; done
  taken+="$port "
}

# wait_for NAME PORT PID LOG
wait_for() {
  for _ in $(seq 600); do
    answers "$2" && return
    kill -0 "$3" 2>/dev/null || { tail -n 30 "$4" >&2; fail "$1 ended"; }
    sleep 0.1
  done
  tail -n 30 "$4" >&2
  fail "$1 gives no answer"
}

start_kafka() {
  free_port; local broker=$port
  free_port; local controller=$port
  cat >"$data/kafka.properties" <<-PROPERTIES
	process.roles=broker,controller
	node.id=1
	controller.quorum.voters=1@127.0.0.1:$controller
	controller.listener.names=CONTROLLER
	listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
	advertised.listeners=PLAINTEXT://127.0.0.1:$broker
	listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
	log.dirs=$data/kafka
	auto.create.topics.enable=false
	group.initial.rebalance.delay.ms=0
	offsets.topic.replication.factor=1
	offsets.topic.num.partitions=4
	share.coordinator.state.topic.replication.factor=1
	share.coordinator.state.topic.min.isr=1
	transaction.state.log.replication.factor=1
	transaction.state.log.min.isr=1
	PROPERTIES
  local run=(java -Xms128m -Xmx512m -XX:+UseSerialGC -Dlog4j2.level=WARN -cp "$jars/*")
  "${run[@]}" kafka.tools.StorageTool format -t liveclipTestClusterAA -c "$data/kafka.properties" >"$data/kafka.log" 2>&1 ||
    { cat "$data/kafka.log" >&2; fail "Kafka's data folder could not be made"; }
  "${run[@]}" kafka.Kafka "$data/kafka.properties" >>"$data/kafka.log" 2>&1 &
  kafka=$!
  wait_for "Kafka" "$broker" "$kafka" "$data/kafka.log"
  export LIVECLIP_TEST_KAFKA=127.0.0.1:$broker
}

start_redis() {
  free_port; local redis_port=$port
  mkdir -p "$data/redis"
  redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$data/redis" --appendonly yes --appendfsync everysec --save "" \
    >"$data/redis.log" 2>&1 &
  redis=$!
  wait_for "redis-server" "$redis_port" "$redis" "$data/redis.log"
  export LIVECLIP_TEST_REDIS=127.0.0.1:$redis_port
}

need java openjdk-17-jre-headless
java_version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
[ "${java_version:-0}" -ge 17 ] || fail "Apache Kafka $version needs Java 17, this is Java ${java_version:-unknown}"
need redis-server redis-server
fetch_jars

kafka="" redis=""
data=$(mktemp -d)
cleanup() {
  for pid in $kafka $redis; do { kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true; done
  rm -rf "$data"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

start_kafka
start_redis
echo "kafka.sh: Apache Kafka $version at $LIVECLIP_TEST_KAFKA, Redis at $LIVECLIP_TEST_REDIS" >&2
"$@"
