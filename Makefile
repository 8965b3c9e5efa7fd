# Throughline. `make` alone says what there is.

.PHONY: help run build test bench sanitize check format clean

help:
	@echo "make run     install what is missing, build, start on http://127.0.0.1:8080 (keeps its data in ./data)"
	@echo "             UPSTREAM=http://127.0.0.1:11434/v1 MODEL=name make run   lets a model of yours answer"
	@echo "             HOST, PORT, DATA and FLAGS=\"...\" are passed on, too"
	@echo "make test    install what is missing, run every test"
	@echo "make bench   install the peers (Redis, NATS), build, measure beside them: an hour; ARGS=\"--only W1,F1\" for less"
	@echo "make build   build the server in release"
	@echo "make check   format, syntax, links: what needs no build"
	@echo "make sanitize  the Swift tests under the thread and the address sanitizer: half an hour"
	@echo "make format  format the Swift sources in place"
	@echo "make clean   remove what was built; ./data stays"

run:
	@scripts/run

build:
	@scripts/setup run
	swift build -c release --product throughline

test:
	@scripts/test

bench:
	@scripts/bench $(ARGS)

sanitize:
	@scripts/test-sanitizers thread
	@scripts/test-sanitizers address

check:
	@scripts/check

format:
	swift format --in-place --parallel --recursive Sources Tests Package.swift

clean:
	rm -rf .build .build-fuzz .build-thread .build-address .venv-e2e .venv-bench
