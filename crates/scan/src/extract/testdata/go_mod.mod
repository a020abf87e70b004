module example.com/harbour

go 1.21

require (
	github.com/Masterminds/semver/v3 v3.2.1
	golang.org/x/text v0.3.7
	gopkg.in/yaml.v3 v3.0.0
)

require github.com/old/log v1.0.0 // indirect

replace (
	github.com/old/log => github.com/new/log v1.2.0
	gopkg.in/yaml.v3 v3.0.0 => gopkg.in/yaml.v3 v3.0.1
	golang.org/x/text => ./text
)

exclude golang.org/x/text v0.3.8
