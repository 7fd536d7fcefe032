"""The gateway as a client of OpenID providers: for devices that prove who they are, and for people who log in."""
