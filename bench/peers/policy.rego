package dimmer

default allow := false

allow if data.modes[data.tenants[input.tenant]][input.capability]
