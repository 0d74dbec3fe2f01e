//go:build linux

package load

import (
	"bytes"
	"strconv"

	"golang.org/x/net/http2/hpack"
)

// headerBlocks renders the request twice with one compression table: the second block, which all later requests use,
// refers only to the table.
func headerBlocks(job Job) (first, again []byte) {
	blocks := renderBlocks(job, []string{job.Target, job.Target})
	return blocks[0], blocks[1]
}

// renderBlocks renders the header blocks of requests for the targets, which a connection has to send in this order.
func renderBlocks(job Job, targets []string) [][]byte {
	method := "GET"
	if job.BodyBytes > 0 {
		method = "POST"
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	var blocks [][]byte
	for _, target := range targets {
		all := append([][2]string{{":method", method}, {":scheme", "https"}, {":authority", job.ServerName},
			{":path", target}}, fields()...)
		if job.BodyBytes > 0 {
			all = append(all, [2]string{"content-type", "application/octet-stream"},
				[2]string{"content-length", strconv.Itoa(job.BodyBytes)})
		}
		block.Reset()
		for _, field := range all {
			// Writing to a bytes.Buffer does not fail.
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		blocks = append(blocks, bytes.Clone(block.Bytes()))
	}
	return blocks
}
