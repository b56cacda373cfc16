// Package deploy holds what runs the portal on real servers. It can't be run without a container engine, so this test
// checks what can be checked: everything parses, and every port, variable, file and metric that is named exists.
package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type compose struct {
	Services map[string]service        `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Secrets  map[string]map[string]any `yaml:"secrets"`
}

type service struct {
	Image       string            `yaml:"image"`
	Build       map[string]string `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	Secrets     []string          `yaml:"secrets"`
	DependsOn   map[string]any    `yaml:"depends_on"`
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestComposeNamesOnlyWhatExists(t *testing.T) {
	var c compose
	readYAML(t, "../docker-compose.yml", &c)
	for _, want := range []string{"eventstore", "postgres", "portal", "prometheus", "grafana", "mailpit"} {
		if _, ok := c.Services[want]; !ok {
			t.Errorf("service %s is missing", want)
		}
	}
	for name, s := range c.Services {
		if (s.Image == "") == (s.Build == nil) {
			t.Errorf("%s: needs an image or a build", name)
		}
		if s.Image != "" && !regexp.MustCompile(`:[^:]*\d`).MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned to a version", name, s.Image)
		}
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join("..", s.Build["dockerfile"])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(source, ".") {
				if _, err := os.Stat(filepath.Join("..", source)); err != nil {
					t.Errorf("%s mounts a missing file: %v", name, err)
				}
			} else if _, ok := c.Volumes[source]; !ok {
				t.Errorf("%s: volume %s is not declared", name, source)
			}
		}
		for _, secret := range s.Secrets {
			if _, ok := c.Secrets[secret]; !ok {
				t.Errorf("%s: secret %s is not declared", name, secret)
			}
		}
		for dependency := range s.DependsOn {
			if _, ok := c.Services[dependency]; !ok {
				t.Errorf("%s depends on a missing service %s", name, dependency)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the world", name, p)
			}
		}
	}
}

// help is what the server says of itself: its variables and their defaults.
func help(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "run", "../cmd/avportal", "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("serve --help: %v\n%s", err, out)
	}
	return string(out)
}

func TestPortalReadsEachVariableOfTheComposeFile(t *testing.T) {
	var c compose
	readYAML(t, "../docker-compose.yml", &c)
	text := help(t)
	portal := c.Services["portal"]
	if len(portal.Environment) == 0 {
		t.Fatal("the portal has no environment")
	}
	for name := range portal.Environment {
		if !regexp.MustCompile(regexp.QuoteMeta(name) + `\b`).MatchString(text) {
			t.Errorf("serve --help does not know %s", name)
		}
	}
	_, port, _ := strings.Cut(portal.Environment["AVPORTAL_LISTEN"], ":")
	if !slices.ContainsFunc(portal.Ports, func(p string) bool { return strings.HasSuffix(p, ":"+port) }) {
		t.Errorf("the portal listens on %s, ports are %v", port, portal.Ports)
	}
	var prometheus struct {
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "prometheus/prometheus.yml", &prometheus)
	if target := prometheus.ScrapeConfigs[0].StaticConfigs[0].Targets[0]; target != "portal:"+port {
		t.Errorf("prometheus scrapes %s, the portal listens on %s", target, port)
	}
	if !strings.Contains(portal.Environment["AVPORTAL_EVENTSTORE_URL"], "eventstore:2113") {
		t.Error("the portal does not talk to the service eventstore")
	}
	if portal.Environment["AVPORTAL_SMTP"] != "smtp+unencrypted://mailpit:1025" { // Mailpit's own port
		t.Error("the portal does not send its mails to the service mailpit")
	}
	if address := portal.Environment["AVPORTAL_PUBLIC_URL"]; !strings.HasSuffix(address, ":"+port) {
		t.Errorf("links in mails begin with %s, the portal is at port %s", address, port)
	}
}

// That each metric they name exists is shown where a portal runs, in cmd/avportal.
func TestDashboardAndAlertsParse(t *testing.T) {
	dashboard, err := os.ReadFile("grafana/dashboards/avportal.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is not JSON")
	}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	readYAML(t, "prometheus/alerts.yml", &alerts)
	if len(alerts.Groups) == 0 || len(alerts.Groups[0].Rules) == 0 {
		t.Error("there are no alerts")
	}
}
