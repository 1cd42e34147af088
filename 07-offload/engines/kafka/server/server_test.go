package server

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// files creates empty files in a new directory; those without a dot in their name can be run.
func files(t *testing.T, names ...string) (root string) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestKafkaIsFoundInThisOrder has installations of several versions, so that the version
// says which one was found.
func TestKafkaIsFoundInThisOrder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	const client = "/libs/kafka-clients-"
	root := files(t, "java/bin/java", "home"+client+"4.4.1.jar", "old"+client+"3.9.0.jar", "empty/libs/x.jar",
		"download"+client+"4.3.0.jar", "download/bin/kafka-server-start.sh",
		"brew/Cellar/kafka/4.4.2/libexec"+client+"4.4.2.jar", "brew/Cellar/kafka/4.4.2/bin/kafka-server-start", "brew/opt/openjdk/bin/java",
		"cache/concurrency-engines/kafka-"+Version+"/kafka-clients-"+Version+".jar")
	if err := os.MkdirAll(filepath.Join(root, "brew/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../Cellar/kafka/4.4.2/bin/kafka-server-start", filepath.Join(root, "brew/bin/kafka-server-start")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what, home, path, java string
		want                   string // version and where from, or the error
	}{
		{"KAFKA_HOME is first", "home", "download/bin", "java", "4.4.1 KAFKA_HOME"},
		{"PATH is next", "", "download/bin", "java", "4.3.0 PATH"},
		{"Homebrew has a Java of its own", "", "brew/bin", "", "4.4.2 PATH"},
		{"Maven is last", "", "", "java", Version + " Maven"},
		{"without Java", "home", "", "", "no Java 17 or newer is installed"},
		{"too old", "old", "", "java", "has Kafka 3.9.0; share groups need 4.2 or newer"},
		{"no Kafka in KAFKA_HOME", "empty", "", "java", "has no folder libs with Kafka's jars"},
	} {
		t.Run(test.what, func(t *testing.T) {
			in := func(dir string) string {
				if dir == "" {
					return ""
				}
				return filepath.Join(root, dir)
			}
			t.Setenv("KAFKA_HOME", in(test.home))
			t.Setenv("PATH", in(test.path))
			t.Setenv("JAVA_HOME", in(test.java))
			t.Setenv("XDG_CACHE_HOME", in("cache"))
			t.Setenv("HOME", root)
			if runtime.GOOS == "darwin" && test.want == Version+" Maven" {
				t.Skip("macOS has its caches elsewhere")
			}
			i, err := Find()
			got := i.Version + " " + i.From
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("found %s; want %s", got, test.want)
			}
		})
	}
}

// TestWithoutMavenNothingIsDownloaded has Java alone.
func TestWithoutMavenNothingIsDownloaded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	root := files(t, "java/bin/java")
	t.Setenv("KAFKA_HOME", "")
	t.Setenv("PATH", "")
	t.Setenv("JAVA_HOME", filepath.Join(root, "java"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "cache"))
	t.Setenv("HOME", root)
	if _, err := Find(); err == nil || !strings.Contains(err.Error(), "neither Kafka nor Maven is installed") {
		t.Errorf("got %v", err)
	}
}

// TestKafkaBefore42IsRefused: the version is made of numbers.
func TestKafkaBefore42IsRefused(t *testing.T) {
	for version, good := range map[string]bool{"4.0.0": false, "4.1.2": false, "4.2.0": true, "4.2.0-rc1": true, "4.10.0": true, "5.0.0": true} {
		got, err := versionOf(filepath.Join(files(t, "libs/kafka-clients-"+version+".jar"), "libs"))
		if good && (got != version || err != nil) {
			t.Errorf("Kafka %s: got %q, %v; want it accepted", version, got, err)
		}
		if !good && (err == nil || !strings.Contains(err.Error(), "has Kafka "+version+"; ")) {
			t.Errorf("Kafka %s: got %q, %v; want an error that names the version", version, got, err)
		}
	}
}

// TestJavaThatDoesNotRunIsNotUsed: that of JAVA_HOME is the first one, then that on PATH.
func TestJavaThatDoesNotRunIsNotUsed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	root := files(t, "home/bin/java", "path/java")
	t.Setenv("JAVA_HOME", filepath.Join(root, "home"))
	t.Setenv("PATH", filepath.Join(root, "path"))
	for _, broken := range []string{"", "home/bin/java", "path/java"} {
		want := map[string]string{"": filepath.Join(root, "home/bin/java"), "home/bin/java": "java"}[broken]
		if broken != "" {
			if err := os.WriteFile(filepath.Join(root, broken), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if java, err := findJava(""); java != want || (err == nil) != (want != "") {
			t.Errorf("then %q does not run: got %q, %v; want %q", broken, java, err, want)
		}
	}
}
