"""资产、漏洞、发现: what we have and what is wrong with it."""
