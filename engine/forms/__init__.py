"""The JSON forms of answers, shared by the API, the command line and the client."""
