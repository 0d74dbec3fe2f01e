package steps

import (
	"fmt"
	"io"
	"net/http"
)

func (w *World) uploadSteps() []step {
	return []step{
		{`the client {string} begins to upload to {string}`, w.beginUpload, "A POST whose body is sent by the sentences below, without a Content-Length; does not wait."},
		{`the client {string} uploads {string}`, w.upload, "The next part of its body."},
		{`the client {string} ends its upload`, w.endUpload, ""},
	}
}

func (w *World) beginUpload(client, url string) error {
	body, writer := io.Pipe()
	w.uploads[client] = writer
	w.cleanup(func() error { return writer.CloseWithError(io.ErrUnexpectedEOF) })
	return w.beginRequest(client, request{method: http.MethodPost, url: url, client: client, body: body, length: -1})
}

// uploading returns the body that the client has started.
func (w *World) uploading(client string) (*io.PipeWriter, error) {
	if writer, ok := w.uploads[client]; ok {
		return writer, nil
	}
	return nil, fmt.Errorf("the client %q has begun no upload", client)
}

func (w *World) upload(client, text string) error {
	writer, err := w.uploading(client)
	if err != nil {
		return err
	}
	_, err = io.WriteString(writer, text)
	return err
}

func (w *World) endUpload(client string) error {
	writer, err := w.uploading(client)
	if err != nil {
		return err
	}
	return writer.Close()
}
