# What one types; .ci/run says what it does.

build test race lint:
	.ci/run $@

ci:
	.ci/run

.PHONY: build test race lint ci
