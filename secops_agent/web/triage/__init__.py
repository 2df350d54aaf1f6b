"""告警: the list, one alert, and what is done on them."""
