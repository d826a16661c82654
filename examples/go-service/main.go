// A service in Go on the stock SDK: follows a channel, publishes to it, and says when continuity was lost.
//
//	go mod init example && go get github.com/centrifugal/centrifuge-go && go run .
//
// TRUNKLINE_URL names the server (default ws://localhost:8000), TRUNKLINE_TOKEN a connection token where it asks for one.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

const channel = "public:load"

func main() {
	url := os.Getenv("TRUNKLINE_URL")
	if url == "" {
		url = "ws://localhost:8000"
	}
	url = strings.Replace(url, "http", "ws", 1) + "/connection/websocket"

	// NewProtobufClient speaks the binary form of the same protocol.
	client := centrifuge.NewJsonClient(url, centrifuge.Config{
		Name: "go-service",
		GetToken: func(centrifuge.ConnectionTokenEvent) (string, error) {
			return os.Getenv("TRUNKLINE_TOKEN"), nil
		},
	})
	defer client.Close()
	client.OnConnected(func(e centrifuge.ConnectedEvent) { log.Printf("connected as %s", e.ClientID) })
	client.OnDisconnected(func(e centrifuge.DisconnectedEvent) {
		// Codes from 3500 on and 4500 on are final: the SDK does not come back by itself.
		log.Printf("disconnected: %s (%d)", e.Reason, e.Code)
	})

	load, err := client.NewSubscription(channel, centrifuge.SubscriptionConfig{Recoverable: true})
	if err != nil {
		log.Fatal(err)
	}
	load.OnSubscribed(func(e centrifuge.SubscribedEvent) {
		if e.WasRecovering && !e.Recovered {
			// What was missed is not to be had any more: take the whole state again here.
			log.Print("reset: publications were missed")
			return
		}
		log.Print("live")
	})
	load.OnPublication(func(e centrifuge.PublicationEvent) { log.Printf("got offset %d: %s", e.Offset, e.Data) })

	if err := load.Subscribe(); err != nil {
		log.Fatal(err)
	}
	if err := client.Connect(); err != nil {
		log.Fatal(err)
	}
	for sample := 1; ; sample++ {
		data, _ := json.Marshal(map[string]int{"sample": sample, "goroutines": runtime.NumGoroutine()})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if _, err := load.Publish(ctx, data); err != nil {
			log.Printf("not published: %v", err)
		}
		cancel()
		time.Sleep(2 * time.Second)
	}
}
