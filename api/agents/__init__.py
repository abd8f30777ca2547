"""Tools for agents: the catalogue capability of the Universal Commerce Protocol (UCP) over MCP."""
