package readme

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWordsOfTheField looks for expressions that the second edition has replaced
// by the terms of the Go documentation.
func TestWordsOfTheField(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
		"mends?|mended|mending", "counter-?proofs?", "proofs?|proves?|proved|proven", "turns red", "for ever", "under way", "at once",
		"whoever|whomever|nobody|somebody", "is told|was told", "hears? of|heard of", "deaf", "hand(?:ed|s|ing)?[- ]over", "has room|room for",
		"one after the other", "tried again", "less often", "comes? again|comes? twice", "set aside", "given up|gives? up|gave up",
		"(?:so|that) many", "by chance", "dear(?:er)?", "beside", "no good", "goes? round", "now and then", "anew", "patience", "careless",
		"cancell(?:ed|ing)", "behaviour|colour|neighbour|licence", "processors?", "mails", "can't be had|to be had",
	}, "|") + `)\b`)
	names := strings.NewReplacer("http.NoBody", "", "`nobody`", "", `"nobody"`, "") // a user of Unix
	for _, dir := range []string{"README.md", ".github", ".workshop", "01-goroutines", "02-channels", "03-net-http-per-request", "04-handler-goroutine-pitfall", "05-worker-pool", "06-pipeline", "07-offload", ".ci/readme"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains([]string{".md", ".go"}, filepath.Ext(path)) || d.Name() == "words_test.go" {
				return err
			}
			for i, line := range strings.Split(read(t, path), "\n") {
				if found := words.FindString(names.Replace(line)); found != "" {
					t.Errorf("%s:%d: %q: %s", path, i+1, found, strings.TrimSpace(line))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
