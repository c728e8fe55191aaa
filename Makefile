# What one types; .ci/run says what it does.

test race lint:
	.ci/run $@

ci:
	.ci/run

site:
	.ci/site/run

.PHONY: test race lint ci site
