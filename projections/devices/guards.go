package devices

import "avportal/domain/device"

// Guards are stored as two sets of bits, those that are on and those that are off, so that the colour is seen without
// taking them apart. The order of the bits is part of the schema.
func guardList(g *device.Guards) [6]*device.Guard {
	return [6]*device.Guard{&g.Engine, &g.Realtime, &g.Mail, &g.Web, &g.Spam, &g.Autoscan}
}

func packGuards(g device.Guards) (on, off int16) {
	for i, guard := range guardList(&g) {
		switch *guard {
		case device.On:
			on |= 1 << i
		case device.Off:
			off |= 1 << i
		}
	}
	return on, off
}

func unpackGuards(on, off int16) device.Guards {
	var g device.Guards
	for i, guard := range guardList(&g) {
		switch {
		case on&(1<<i) != 0:
			*guard = device.On
		case off&(1<<i) != 0:
			*guard = device.Off
		}
	}
	return g
}
