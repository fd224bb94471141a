"""What the lab is made of; `lab` beside this folder is its command."""
