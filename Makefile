# The same words as ./countersign, for people who have make.
.PHONY: demo test test-all check fix bench clean lock
demo test test-all check fix bench clean lock:
	@./countersign $@
