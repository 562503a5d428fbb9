"""Tests about the code base itself: each rule is a checker over sources, tried on bad samples and on the tree."""
