"""What runs inside the studio's own images: training, serving and the script-mode launcher.

This package stands alone: it imports nothing of the studio, so that an image holds it together
with the frameworks it serves and nothing else. Process compute runs the same code on the host.
"""
