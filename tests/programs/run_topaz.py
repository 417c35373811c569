"""The command `topaz` of an installed topaz-em, which loads only the part of it that is asked for.

The whole command loads all parts, training too, and needs torchvision, which has to fit PyTorch's
build. What is run is Topaz' own.
"""

import runpy
import sys

part = sys.argv.pop(1)
runpy.run_module(f"topaz.commands.{part}", run_name="__main__")
