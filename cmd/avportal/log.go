package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"avportal/eventstore/logtool"
	"avportal/eventstore/node"
)

// differs is the exit code when a tool has done its work and found that logs differ or are damaged.
const differs = 2

const logExits = "\n\nThe exit code is 0 if all is well, 2 if logs differ or something is damaged, 1 if it could not be done."

const logAddresses = "\n\nA log is named as for every EventStoreDB client (esdb://..., esdb+discover://..., with user and password where the\n" +
	"server wants them), or as unix:/path. AVPORTAL_LOG_FROM and AVPORTAL_LOG_TO keep passwords off the command line."

func logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Copy, back up, restore and verify the log",
		Long: "Tools for whole logs, of the embedded node and of EventStoreDB clusters. They carry the events of all streams that\n" +
			"users write and the metadata of these, in the order of the log, with ids and revisions. What servers write for\n" +
			"themselves (streams that begin with $: links, users, settings, persistent subscriptions) stays behind; the target's own\n" +
			"projections make its links. Positions are given anew.",
	}
	cmd.AddCommand(logCopyCommand(), logVerifyCommand(), logBackupCommand(), logRestoreCommand())
	return cmd
}

func logCopyCommand() *cobra.Command {
	var cfg logtool.CopyConfig
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy a log from node to cluster, or back",
		Long: "Copy a log into an empty one, or go on where an earlier run has stopped; the target itself tells where that is. Then\n" +
			"read both and compare them. The source may be in use: what is written after the copy began is left for the next run.\n" +
			"Nobody else may write to the target.\n\n" +
			"Time stamps of events are the target's. A source that was scavenged can't be copied, because revisions are gone." + logAddresses + logExits,
		Example: "  avportal log copy --from 'esdb://127.0.0.1:2113?tls=false' --to 'esdb+discover://admin:changeit@cluster.example:2113'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(address(&cfg.From, "from"), address(&cfg.To, "to")); err != nil {
				return err
			}
			began := time.Now()
			show := showLog(cmd, asJSON)
			cfg.Progress, cfg.Logger = show.progress, newLogger()
			result, err := logtool.Copy(cmd.Context(), cfg)
			return show.finish(cmd, result, err, func(w io.Writer) {
				fmt.Fprintf(w, "copied %d events in %s; both logs hold %s\n", result.Copied, time.Since(began).Round(time.Millisecond), describe(result.Target))
			})
		},
	}
	cmd.Flags().StringVar(&cfg.From, "from", "", "the log to copy")
	cmd.Flags().StringVar(&cfg.To, "to", "", "the log to copy it into")
	cmd.Flags().DurationVar(&cfg.Patience, "patience", time.Minute, "how long a server may be away")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print progress and result as JSON, one object a line")
	return cmd
}

func logVerifyCommand() *cobra.Command {
	var data, from, backup string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every record of a log, or of a backup",
		Long: "With --data: check everything in the folder of a node that does not run: blocks of files, the checksum of every\n" +
			"record, the index, and the links. With --from: read the whole log of a running server (a node checks each record that\n" +
			"it serves) and look for gaps; a log that was scavenged has some. With --backup: check a backup file.\n\n" +
			"Each prints a fingerprint. Logs with equal ones hold the same events." + logAddresses + logExits,
		Example: "  avportal log verify --data /var/lib/avportal/eventstore\n" +
			"  avportal log verify --from 'esdb://127.0.0.1:2113?tls=false'\n" +
			"  avportal log verify --backup monday.avlog",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			show := showLog(cmd, asJSON)
			switch {
			case backup != "":
				result, err := logtool.VerifyBackup(backup)
				return show.finish(cmd, result, err, func(w io.Writer) {
					fmt.Fprintf(w, "the backup of %s is whole: %s\n", result.Began.Format(time.DateTime+" MST"), describe(result.Fingerprint))
				})
			case data != "":
				return verifyFolder(cmd, show, data)
			}
			if err := address(&from, "from"); err != nil {
				return fmt.Errorf("give --data, --backup, or: %w", err)
			}
			f, err := logtool.VerifyServer(cmd.Context(), from, show.progress, newLogger())
			return show.finish(cmd, f, err, func(w io.Writer) { fmt.Fprintln(w, "the log is whole:", describe(f)) })
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of a log whose node does not run (a portal has it in <data>/eventstore)")
	cmd.Flags().StringVar(&from, "from", "", "a running server")
	cmd.Flags().StringVar(&backup, "backup", "", "a backup file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print progress and result as JSON, one object a line")
	cmd.MarkFlagsMutuallyExclusive("data", "from", "backup")
	return cmd
}

func verifyFolder(cmd *cobra.Command, show *logShow, data string) error {
	report, err := logtool.VerifyFolder(cmd.Context(), data, newLogger())
	if errors.Is(err, logtool.ErrInUse) {
		return fmt.Errorf("%w; use --from with its address, or stop it", err)
	}
	if err == nil && len(report.Damage) > 0 {
		err = fmt.Errorf("%w: %s", errDamagedFolder, strings.Join(report.Damage, "\n"))
	}
	return show.finish(cmd, report, err, func(w io.Writer) {
		fmt.Fprintf(w, "%d events and %d links in %d files are whole: %s\n", report.Events, report.Links, report.Files, describe(report.Fingerprint))
	})
}

func logBackupCommand() *cobra.Command {
	var cfg logtool.BackupConfig
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Save a log into one file, while it is in use",
		Long: "Save a log into one file with checksums. It holds everything that was acknowledged when the backup began, and nothing\n" +
			"later. The file appears when it is complete; an existing one is not replaced. It holds personal data: keep it as safe\n" +
			"as the log. Views, tokens and other state of the portal are in Postgres, which has tools of its own." + logAddresses + logExits,
		Example: "  avportal log backup --from 'esdb://127.0.0.1:2113?tls=false' --to monday.avlog\n" +
			"  avportal log backup --data ./eventstore --to monday.avlog    (no node runs on it)",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.File == "" {
				return errors.New("--to FILE is needed")
			}
			show := showLog(cmd, asJSON)
			cfg.Progress, cfg.Logger = show.progress, newLogger()
			save := func(ctx context.Context) error {
				result, err := logtool.Backup(ctx, cfg)
				return show.finish(cmd, result, err, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %d bytes, %s\n", cfg.File, result.Bytes, describe(result.Fingerprint))
				})
			}
			if data != "" {
				return withNode(cmd.Context(), data, func(ctx context.Context, address string) error {
					cfg.From = address
					return save(ctx)
				})
			}
			if err := address(&cfg.From, "from"); err != nil {
				return err
			}
			return save(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of a log whose node does not run")
	cmd.Flags().StringVar(&cfg.From, "from", "", "a running server")
	cmd.Flags().StringVar(&cfg.File, "to", "", "the file to write")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print progress and result as JSON, one object a line")
	cmd.MarkFlagsMutuallyExclusive("data", "from")
	return cmd
}

func logRestoreCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE --data DIR",
		Short: "Make the folder of a node from a backup",
		Long: "Make the folder of a node from a backup: the same events with ids, revisions and time stamps, and the links of the\n" +
			"default projections. The folder must be empty or missing, and appears when everything is restored and checked.\n" +
			"Positions differ, so the portal's views must be built anew: avportal projections rebuild." + logExits,
		Example: "  avportal log restore monday.avlog --data /var/lib/avportal/eventstore",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return errors.New("--data DIR is needed")
			}
			show := showLog(cmd, asJSON)
			result, err := logtool.Restore(cmd.Context(), args[0], data, show.progress, newLogger())
			return show.finish(cmd, result, err, func(w io.Writer) {
				fmt.Fprintf(w, "%s holds the backup of %s: %s\n", data, result.Began.Format(time.DateTime+" MST"), describe(result.Fingerprint))
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder to make")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print progress and result as JSON, one object a line")
	return cmd
}

// address completes a flag from the environment.
func address(value *string, flag string) error {
	variable := map[string]string{"from": "AVPORTAL_LOG_FROM", "to": "AVPORTAL_LOG_TO"}[flag]
	if *value == "" {
		*value = os.Getenv(variable)
	}
	if *value == "" {
		return fmt.Errorf("--%s (or %s) is needed", flag, variable)
	}
	return nil
}

// withNode serves a folder on a socket that only this user reaches.
func withNode(ctx context.Context, data string, do func(ctx context.Context, address string) error) (err error) {
	if _, err := os.Stat(data); err != nil { // opening would make one
		return err
	}
	dir, err := os.MkdirTemp("", "avportal-log-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	listen := "unix:" + filepath.Join(dir, "node")
	n, err := node.Open(ctx, node.Config{Dir: data, Listen: listen, Logger: newLogger()})
	if errors.Is(err, logtool.ErrInUse) {
		return fmt.Errorf("%w; use --from with its address", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return do(ctx, listen)
}

func describe(f logtool.Fingerprint) string {
	return fmt.Sprintf("%d events and %d of metadata in %d streams, fingerprint %s.%s", f.Events, f.Metadata, f.Streams, f.EventsHash[:16], f.MetadataHash[:8])
}

func writeJSONLine(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
