"""The web console in a real browser, over a real gateway, by screen; a package, so that its tests share a gateway."""
