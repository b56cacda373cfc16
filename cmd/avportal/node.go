package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"avportal/eventstore/node"
)

func nodeCommand() *cobra.Command {
	var cfg node.Config
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run the embedded EventStoreDB node alone",
		Long: "Run the embedded event store by itself: a single EventStoreDB node for small installations, that any EventStoreDB\n" +
			"client can talk to. Appends are answered after they are on disk.\n\n" +
			"It is one node: no cluster, no replicas, no scavenging. Where the log must survive the loss of the machine, or one\n" +
			"disk is no longer enough, use an EventStoreDB cluster.",
		Example: "  avportal node --listen 127.0.0.1:2113 --data ./eventstore",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Logger = newLogger()
			n, err := node.Open(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "serving", n.ConnectionString())
			select {
			case <-cmd.Context().Done():
			case <-n.Failed():
				err = n.Failure()
			}
			if closeErr := n.Close(); err == nil {
				err = closeErr
			}
			return err
		},
	}
	cmd.Flags().StringVar(&cfg.Listen, "listen", "127.0.0.1:2113", "address to listen on, or unix:/path")
	cmd.Flags().StringVar(&cfg.Dir, "data", "eventstore", "directory of the log")
	return cmd
}
