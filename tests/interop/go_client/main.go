// A program in another language, by docs/ipc.md alone: it serves three skills, and does what a line of its
// standard input says: "call", "stream", "cancel" or "error" of another such program, one answer a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
)

type line map[string]any

type sidecar struct {
	sync.Mutex
	conn    net.Conn
	numbers int
	open    map[int]chan line
	held    map[int]bool
}

func (s *sidecar) send(l line) {
	text, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	s.Lock()
	defer s.Unlock()
	if _, err := s.conn.Write(append(text, '\n')); err != nil {
		panic(err)
	}
}

// ask sends a command under a new number; what comes back of it, its end included.
func (s *sidecar) ask(kind string, payload line) (int, chan line) {
	events := make(chan line, 256)
	s.Lock()
	s.numbers++
	id := s.numbers
	s.open[id] = events
	s.Unlock()
	s.send(line{"type": kind, "id": id, "payload": payload})
	return id, events
}

func (s *sidecar) serve(id int, payload line) {
	args, _ := payload["args"].(map[string]any)
	switch payload["skill"] {
	case "echo":
		s.send(line{"type": "reply", "for": id, "payload": line{"value": args["data"]}})
	case "count":
		for n := 0; n < int(args["to"].(float64)); n++ {
			s.Lock()
			s.numbers++
			number, taken := s.numbers, make(chan line, 1)
			s.open[number] = taken
			s.Unlock()
			s.send(line{"type": "item", "id": number, "for": id, "payload": line{"item": n}})
			<-taken // the next when this one was taken: no credit to count
		}
		s.send(line{"type": "reply", "for": id})
	case "fail":
		s.send(line{"type": "fail", "for": id, "payload": line{"code": "not_found", "message": "There is no such book."}})
	case "hold":
		s.Lock()
		s.held[id] = true
		s.Unlock()
		fmt.Println("held")
	}
}

func (s *sidecar) read() {
	lines := bufio.NewReaderSize(s.conn, 1<<20)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			panic(err)
		}
		number, _ := l["id"].(float64)
		id, payload := int(number), line{}
		if p, ok := l["payload"].(map[string]any); ok {
			payload = p
		}
		s.Lock()
		events, canceled := s.open[id], s.held[id]
		s.Unlock()
		switch l["type"] {
		case "request":
			go s.serve(id, payload)
		case "cancel":
			fmt.Println("canceled", canceled)
		case "result", "error", "item":
			if events != nil {
				events <- l
			}
		}
	}
}

func main() {
	conn, err := net.Dial("unix", os.Getenv("CHATIXIA_SOCKET"))
	if err != nil {
		panic(err)
	}
	s := &sidecar{conn: conn, open: map[int]chan line{}, held: map[int]bool{}}
	go s.read()
	skills := []line{{"name": "echo"}, {"name": "count", "streams": true}, {"name": "fail"}, {"name": "hold"}}
	_, hello := s.ask("hello", line{"program": "go", "skills": skills})
	fmt.Println((<-hello)["type"])
	other := os.Args[1]
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		kind, skill, args := "call", asked.Text(), line{}
		switch skill {
		case "echo":
			args["data"] = line{"city": "Ål", "n": []int{1, 2}}
		case "count":
			kind, args["to"] = "stream", 100
		}
		id, events := s.ask(kind, line{"target": other, "skill": skill, "args": args, "timeout": 20})
		for count := 0; ; count++ {
			if skill == "hold" {
				asked.Scan() // the next line says that the far skill has it
				s.send(line{"type": "cancel", "payload": line{"call": id}})
			}
			event := <-events
			if event["type"] != "item" {
				text, _ := json.Marshal(event["payload"])
				fmt.Println(skill, event["type"], count, string(text))
				break
			}
		}
	}
}
