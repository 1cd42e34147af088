// Package server finds Apache Kafka on this machine, or has Maven download it.
package server

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// pom names the jars of Apache Kafka for Maven.
//
//go:embed pom.xml
var pom []byte

// Version is what the pom downloads.
const Version = "4.4.0"

// An Installation is an Apache Kafka that Java can run.
type Installation struct {
	Java    string // the program
	Libs    string // the directory of the jars
	Version string
	From    string // where it was found: KAFKA_HOME, PATH or Maven
}

// ClassPath is what Java's flag -cp takes.
func (i Installation) ClassPath() string { return filepath.Join(i.Libs, "*") }

// Find looks for Apache Kafka in KAFKA_HOME, then next to kafka-server-start on PATH,
// and then has Maven download it, once. An installation that is found but too old is
// an error: share groups with renewal need Kafka 4.2.
func Find() (Installation, error) {
	libs, from, err := find()
	if err != nil {
		return Installation{}, err
	}
	java, err := findJava(libs)
	if err != nil {
		return Installation{}, err
	}
	if libs == "" {
		from = "Maven"
		if libs, err = download(); err != nil {
			return Installation{}, err
		}
	}
	version, err := versionOf(libs)
	return Installation{java, libs, version, from}, err
}

// find returns the jars of an installed Kafka, or "" if there is none.
func find() (libs, from string, err error) {
	if home := os.Getenv("KAFKA_HOME"); home != "" {
		if libs = libsNear(home); libs == "" {
			return "", "", fmt.Errorf("KAFKA_HOME is %s, which has no folder libs with Kafka's jars", home)
		}
		return libs, "KAFKA_HOME", nil
	}
	for _, name := range []string{"kafka-server-start", "kafka-server-start.sh"} {
		script, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if real, err := filepath.EvalSymlinks(script); err == nil {
			script = real
		}
		// bin of the download is next to libs; on Windows the script is in bin\windows;
		// Homebrew's bin is next to libexec/libs.
		for dir := filepath.Dir(script); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
			if libs = libsNear(dir); libs != "" {
				return libs, "PATH", nil
			}
		}
	}
	return "", "", nil
}

// libsNear returns the folder of jars in the root of an installation, or "".
func libsNear(root string) string {
	for _, libs := range []string{filepath.Join(root, "libs"), filepath.Join(root, "libexec", "libs")} {
		if jars(libs) != nil {
			return libs
		}
	}
	return ""
}

// jars returns the client's jars in libs: each installation has one, and its name has the version.
func jars(libs string) []string {
	found, _ := filepath.Glob(filepath.Join(libs, "kafka-clients-*.jar")) // the pattern is right
	return found
}

var number = regexp.MustCompile(`^kafka-clients-((\d+)\.(\d+)[^/\\]*)\.jar$`)

func versionOf(libs string) (string, error) {
	for _, jar := range jars(libs) {
		if m := number.FindStringSubmatch(filepath.Base(jar)); m != nil {
			major, _ := strconv.Atoi(m[2]) // digits
			minor, _ := strconv.Atoi(m[3])
			if major < 4 || major == 4 && minor < 2 {
				return "", fmt.Errorf("%s has Kafka %s; share groups need 4.2 or newer", libs, m[1])
			}
			return m[1], nil
		}
	}
	return "", fmt.Errorf("%s has no kafka-clients jar", libs)
}

// findJava returns a Java that runs. Homebrew's is not on PATH, but next to its Kafka.
func findJava(libs string) (string, error) {
	var candidates []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, "bin", "java"))
	}
	candidates = append(candidates, "java")
	if libs != "" { // PREFIX/Cellar/kafka/VERSION/libexec/libs
		candidates = append(candidates, filepath.Join(libs, "../../../../../opt/openjdk/bin/java"))
	}
	for _, java := range candidates {
		if exec.Command(java, "-version").Run() == nil { // macOS has a java that only says there is none
			return java, nil
		}
	}
	return "", errors.New("no Java 17 or newer is installed")
}

// download has Maven copy Kafka's jars into the user's cache directory, unless they are there.
func download() (libs string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for a download: %w", err)
	}
	libs = filepath.Join(cache, "concurrency-engines", "kafka-"+Version)
	if jars(libs) != nil {
		return libs, nil
	}
	name := "mvn"
	if runtime.GOOS == "windows" {
		name = "mvn.cmd"
	}
	maven, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New("neither Kafka nor Maven is installed")
	}
	if err := os.MkdirAll(filepath.Dir(libs), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(libs), "download") // renamed when it is complete
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "Maven downloads Apache Kafka %s to %s: 43 MB, once.\n", Version, libs)
	copied := filepath.Join(dir, "libs")
	cmd := exec.Command(maven, "--quiet", "--batch-mode", "--file", filepath.Join(dir, "pom.xml"),
		"dependency:copy-dependencies", "-DoutputDirectory="+copied)
	if out, err := cmd.CombinedOutput(); err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("download Kafka with Maven: %w: %s", err, text)
	}
	if err := os.Rename(copied, libs); err != nil && jars(libs) == nil { // another process may have been faster
		return "", err
	}
	return libs, nil
}
