// Package deploy tests the files of the deploy folder with what they are for.
package deploy
