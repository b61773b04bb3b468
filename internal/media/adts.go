package media

// FromADTS gives the raw AAC frame of a packet that carries its own header, and the AudioSpecificConfig that the header amounts
// to; an error for any other packet.
func FromADTS(b []byte) (frame, config []byte, err error) { return fromADTS(b) }
