// Package cea reads the closed captions that broadcasters put into the picture: CEA-608 (CC1 to CC4) and CEA-708
// (service 1), carried as ATSC A/53 cc_data in the SEI messages of H.264 and HEVC. It decodes no picture. It exists so
// that a room whose sender captions it needs no recogniser.
//
// The way of a byte: sei.go finds cc_data in a coded picture; order.go brings it from the order of decoding into that of
// showing; decoder.go parts it by channel; line21.go (608) and dtvcc.go (708) keep what each channel's screen shows (screen.go),
// and give a line for each caption that came and went: pop-on and paint-on from when it appears until it is erased, roll-up row
// by row. What comes damaged (parity, lost packets, rows and windows that are none) is left out.
//
// Not read: text services and XDS, the 608 character sets of Korea and China (Chinese senders use 708's P16, which is), services
// beyond the first, and the delays of 708.
package cea
