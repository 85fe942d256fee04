module rbg.invalid/hack/cluster/pause

go 1.26.0
