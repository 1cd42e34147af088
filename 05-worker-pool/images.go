package main

import (
	"image"
	"image/color"
	"math"
)

func photos(n int) (images []*image.Gray) {
	sizes := []*image.Gray{Photo(1000), Photo(600), Photo(1400), Photo(800)}
	for i := range n {
		images = append(images, sizes[i%len(sizes)])
	}
	return images
}

// Photo makes an image of side × side pixels: rings, as in water.
func Photo(side int) *image.Gray {
	photo := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			far := math.Hypot(float64(2*x-side), float64(2*y-side)) / float64(side)
			photo.SetGray(x, y, color.Gray{Y: uint8(127.5 + 127.5*math.Cos(20*far))})
		}
	}
	return photo
}

// Scale makes an image of side × side pixels of a larger square one. Each pixel
// is the average of those that it covers.
func Scale(photo *image.Gray, side int) *image.Gray {
	small := image.NewGray(image.Rect(0, 0, side, side))
	whole := photo.Bounds().Dx()
	for y := range side {
		for x := range side {
			total, n := 0, 0
			for py := y * whole / side; py < (y+1)*whole/side; py++ {
				row := photo.Pix[py*photo.Stride:]
				for _, gray := range row[x*whole/side : (x+1)*whole/side] {
					total += int(gray)
					n++
				}
			}
			small.Pix[y*small.Stride+x] = uint8(total / n)
		}
	}
	return small
}
