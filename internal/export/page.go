package export

import (
	_ "embed"
	"fmt"
	"html/template"
	"os"
)

//go:embed page.html
var pageText string

// writePage writes the contact sheet: every clip with its cover, reasons and player.
func writePage(path string, sources []Source) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"clock":   func(s float64) string { return fmt.Sprintf("%02d:%02d:%02d", int(s)/3600, int(s)/60%60, int(s)%60) },
		"seconds": func(s float64) string { return fmt.Sprintf("%.1f s", s) },
		"percent": func(s float64) string { return fmt.Sprintf("%.0f %%", s*100) },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer file.Close()
	if err := page.Execute(file, sources); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close()
}
