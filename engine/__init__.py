"""The ground floor: the words of the domain, the seams, the search itself."""
