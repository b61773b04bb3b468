# liveclip: `make demo` shows it, `make test` checks it; both do all their own set-up on Debian 12 with Go.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS):$(PATH)
export GOFLAGS := -buildvcs=false

BUF_VERSION            := v1.59.0
PROTOC_GEN_GO          := v1.36.12
PROTOC_GEN_GO_GRPC     := v1.5.1
PROTOC_GEN_GATEWAY     := v2.27.3
GOLANGCI_LINT_VERSION  := v2.6.0

.PHONY: bench-template gallery help setup build demo train-asr test test-kafka test-s3 test-browser bench bench-media bench-detect bench-record bench-t2v lint proto check-proto bench-vod engine test-engine bench-engine train-engine proto-engine

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## install FFmpeg, PocketSphinx, redis-server, espeak-ng and a CJK font (apt; a no-op when present)
	@./scripts/setup.sh

build: setup ## build bin/liveclip and bin/liveclip-media
	CGO_ENABLED=0 go build -o bin/liveclip ./cmd/liveclip
	go build -o bin/liveclip-media ./cmd/liveclip-media
	./scripts/sherpa.sh bin

demo: build ## push a sample room and watch its clips appear, each playable seconds after its moment
	./bin/liveclip demo

test: build ## everything that needs no JVM: all packages, race-free and in any order, and the whole pipeline
	go vet ./...
	libraries=$$(test -f bin/libonnxruntime.so && echo $(CURDIR)/bin); \
	LIVECLIP_TEST_LIBRARIES=$$libraries LIVECLIP_TEST_ONNXRUNTIME=$${libraries:+$$libraries/libonnxruntime.so} go test -race -shuffle=on -timeout 15m ./...

engine: ## the generation engine's virtual environment: PyTorch for the GPU that is here, or for the CPU
	@./scripts/engine.sh

test-engine: engine ## the generation engine's tests, on the CPU
	cd services/t2v && engine/.venv/bin/python -m pytest -q -p no:cacheprovider engine/tests

bench-engine: engine ## what the engine reaches on this machine, into services/t2v/engine/BENCHMARKS.md (5 min)
	cd services/t2v && engine/.venv/bin/python -m engine.bench --write --json $(CURDIR)/bench-engine.json

train-engine: engine ## train the engine's tiny model again (half an hour of one core)
	cd services/t2v && engine/.venv/bin/python -m engine.train engine/models/tiny

test-kafka: build ## the conformance suite and the whole pipeline against a real Apache Kafka and a real Redis, with kills
	./deploy/kafka-test/run.sh

test-s3: ## the store's promises and the VOD path against a real S3 server (versitygw, built from the Go module the first time)
	@./scripts/s3.sh

test-browser: setup ## a clip in headless Chromium, as plain <video> and through hls.js (needs chromium, and npm for hls.js)
	@command -v chromium >/dev/null || { echo "needs chromium: apt-get install chromium"; exit 1; }
	go test -count=1 -v -run InABrowser ./services/publish/vod

train-asr: ## train the Mandarin model that comes with liveclip, on the CPU (two hours; installs PyTorch and espeak-ng by apt)
	./services/asr/train/run.sh

bench: build ## print what this machine reaches
	./scripts/bench.sh

bench-media: build ## recording, finishing and cutting beside ffmpeg, and how long a live clip takes (5 min)
	./scripts/bench.sh --only record,finish,cut,live,four,busy --json bench-media.json

bench-detect: build ## how well moments are noticed in made rooms and what that costs; LIVECLIP_CORPUS: real comments beside it (5 min)
	./bin/liveclip detect eval --synthetic 40 --unseen 20 --held-out 100 --ablate 8 --load $(if $(LIVECLIP_CORPUS),--comments "$(LIVECLIP_CORPUS)/chat") --json bench-detect.json

bench-t2v: build ## the queue beside bare asynq, cancel and recovery, and a simulated hour of 200 rooms on four GPUs (3 min)
	go run ./test/bench/t2v

bench-record: build ## what recording a room costs beside the ffmpeg command that does the same
	go run ./test/bench/record --bin bin

bench-template: build ## how long drawing an opening takes, its base made and from the cache (1 min)
	./bin/liveclip template bench --json bench-template.json

gallery: build ## draw every opening in every aspect and leave a page: gallery/index.html
	./bin/liveclip template gallery --out gallery

bench-vod: build ## the VOD path against nginx, in turns (installs nginx, wrk and strace by apt when they lack)
	@for tool in nginx wrk strace; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; fi
	go run ./test/bench/vod --bin bin

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION) check-proto ## golangci-lint, and that generated code is fresh
	$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION) run ./...

proto: $(TOOLS)/buf-$(BUF_VERSION) ## generate code from proto/
	$(TOOLS)/buf-$(BUF_VERSION) generate

proto-engine: engine ## generate the engine's Python code from proto/
	services/t2v/engine/.venv/bin/python -m grpc_tools.protoc -I proto --python_out=services/t2v --grpc_python_out=services/t2v engine/v1/engine.proto

check-proto: proto
	@git diff --exit-code --stat -- proto || { echo "generated code is stale: run make proto and commit"; exit 1; }

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(TOOLS)/golangci-lint $@

$(TOOLS)/buf-$(BUF_VERSION):
	GOBIN=$(TOOLS) go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO)
	GOBIN=$(TOOLS) go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GEN_GO_GRPC)
	GOBIN=$(TOOLS) go install github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway@$(PROTOC_GEN_GATEWAY)
	GOBIN=$(TOOLS) go install github.com/bufbuild/buf/cmd/buf@$(BUF_VERSION)
	mv $(TOOLS)/buf $@

.PHONY: models bench-asr
MODELS ?= zipformer-small-bilingual silero-vad

models: build ## download speech models that others publish (MODELS="NAME …"; liveclip models lists them)
	./bin/liveclip models get $(MODELS)

bench-asr: build ## how well speech is heard, synthetic and LIVECLIP_CORPUS's: errors, times, latency, cost (5 min)
	@command -v espeak-ng >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends espeak-ng; }
	./bin/liveclip asr eval --synthetic --keywords $(if $(LIVECLIP_CORPUS),--corpus "$(LIVECLIP_CORPUS)") --json bench-asr.json
