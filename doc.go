// Package bijou is a library of normalizing flows.
package bijou
