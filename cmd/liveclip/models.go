package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"liveclip/internal/app"
	"liveclip/internal/await"
	"liveclip/internal/models"
	"liveclip/internal/models/download"
	"liveclip/internal/telemetry"
)

type modelsCommands struct {
	List modelsListCommand `cmd:"" default:"withargs" help:"List the speech models that can be downloaded, and those that are here."`
	Get  modelsGetCommand  `cmd:"" help:"Download speech models by name; what broke off goes on where it was."`
}

// modelsFolder is where models lie, and what can be had.
type modelsFolder struct {
	Folder string `help:"Folder of models; else liveclip/models in XDG_DATA_HOME or ~/.local/share." type:"path"`
	From   string `help:"List of models of your own (YAML, as the built-in one)." type:"path"`
}

func (m modelsFolder) open() (string, []download.Model, error) {
	known, err := download.Known(m.From)
	if err != nil || m.Folder != "" {
		return m.Folder, known, err
	}
	folder, err := download.Folder()
	return folder, known, err
}

// modelIn tells what a folder's model is; have is false where none lies there.
func modelIn(folder string) (what string, have bool) {
	m, err := models.Load(folder)
	if err == nil {
		_, err = m.Verify()
	}
	switch {
	case errors.Is(err, models.ErrNoModel):
		return "", false
	case err != nil:
		return err.Error(), true
	}
	return strings.TrimSpace(m.Kind + " " + m.Language), true
}

type modelsListCommand struct {
	Where modelsFolder `embed:""`
}

func (c modelsListCommand) Run(stdio stdio) error {
	folder, known, err := c.Where.open()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdio.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "NAME\tLANGUAGE\tDOWNLOAD\tHERE\tABOUT\n")
	for _, m := range known {
		here := "-"
		if _, have := modelIn(filepath.Join(folder, m.Name)); have {
			here = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%d MB\t%s\t%s\n", m.Name, m.Language, m.Megabytes, here, m.About)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdio.out, "folder: %s\n", folder)
	return err
}

type modelsGetCommand struct {
	Where modelsFolder `embed:""`
	Names []string     `arg:"" name:"name" help:"Names as list shows them."`
}

func (modelsGetCommand) Help() string {
	return "Example: liveclip models get zipformer-small-bilingual silero-vad"
}

func (c modelsGetCommand) Run(ctx context.Context, stdio stdio) error {
	folder, known, err := c.Where.open()
	if err != nil {
		return err
	}
	var wanted []download.Model
	for _, name := range c.Names {
		found := false
		for _, m := range known {
			if m.Name == name {
				wanted, found = append(wanted, m), true
			}
		}
		if !found {
			return failure{2, fmt.Errorf("no model %q; liveclip models list names them", name)}
		}
	}
	ctx, stop := app.Signals(ctx, telemetry.Logger(telemetry.Config{Level: "error", Format: "text"}, stdio.err))
	defer stop()
	var failed []error
	for _, m := range wanted {
		if err := getModel(ctx, folder, m, stdio); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func getModel(ctx context.Context, folder string, m download.Model, stdio stdio) error {
	told := int64(-1)
	getter := download.Getter{Folder: folder, Client: http.DefaultClient, Wait: await.For, Progress: func(have, of int64) {
		if of > 0 && have*20/of != told {
			told = have * 20 / of
			fmt.Fprintf(stdio.err, "%s: %d of %d MB\n", m.Name, have>>20, of>>20)
		}
	}}
	got, err := getter.Get(ctx, m)
	if err != nil {
		return err
	}
	what, _ := modelIn(got.Folder)
	switch {
	case got.Here:
		fmt.Fprintf(stdio.out, "%s is here: %s (%s)\n", m.Name, got.Folder, what)
		return nil
	case got.Recorded:
		fmt.Fprintf(stdio.out, "%s: nobody had recorded a hash: from now on it is sha256 %s\n", m.Name, got.SHA256)
	default:
		fmt.Fprintf(stdio.out, "%s: its hash is as recorded\n", m.Name)
	}
	fmt.Fprintf(stdio.out, "%s: %s (%s)\n", m.Name, got.Folder, what)
	if m.Language != "" {
		fmt.Fprintf(stdio.out, "  to hear with it: --asr.engines.%s.kind=sherpa --asr.engines.%s.models=%s --asr.engine=%s\n", m.Name, m.Name, got.Folder, m.Name)
	}
	return nil
}

// speechModels are those in the folder of models.
func speechModels() finding {
	f := finding{name: "speech models", cost: "PocketSphinx's English and the Mandarin that comes with liveclip only (liveclip models get)"}
	folder, err := download.Folder()
	if err != nil {
		return f
	}
	entries, _ := os.ReadDir(folder)
	var here []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() {
			continue
		}
		if what, have := modelIn(filepath.Join(folder, e.Name())); have {
			here = append(here, e.Name()+" ("+what+")")
		}
	}
	if len(here) > 0 {
		f.have = folder + ": " + strings.Join(here, ", ")
	} else {
		f.cost += "; they are looked for in " + folder
	}
	return f
}
