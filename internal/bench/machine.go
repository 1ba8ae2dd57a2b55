package bench

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
)

// A Machine says where and with what figures were measured.
type Machine struct {
	CPU    string `json:"cpu"`
	System string `json:"system"`
	Go     string `json:"go"`
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %s, %s", m.CPU, m.System, m.Go)
}

// ThisMachine describes the machine that the program runs on.
func ThisMachine() Machine {
	info, _ := os.ReadFile("/proc/cpuinfo") // Linux only
	return Machine{
		CPU:    cpuName(info),
		System: runtime.GOOS + "/" + runtime.GOARCH,
		Go:     runtime.Version(),
	}
}

var modelLine = regexp.MustCompile(`(?m)^(vendor_id|cpu family|model|stepping|model name|CPU implementer|CPU part)\s*: (.*)$`)

// cpuName is the name of the first processor, with its numbers: virtual
// machines hide the former, and boards with Arm cores have none.
func cpuName(cpuinfo []byte) string {
	values := map[string]string{}
	for _, m := range modelLine.FindAllSubmatch(cpuinfo, -1) {
		if _, ok := values[string(m[1])]; !ok {
			values[string(m[1])] = string(m[2])
		}
	}
	switch {
	case values["model name"] != "" && values["model"] != "":
		return fmt.Sprintf("%s (family %s, model %s)", values["model name"], values["cpu family"], values["model"])
	case values["CPU part"] != "":
		return fmt.Sprintf("Arm implementer %s, part %s", values["CPU implementer"], values["CPU part"])
	}
	return "unknown CPU"
}

// Revision is the commit that the program was built from, as far as it knows.
func Revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = "commit " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	return revision + modified
}
