"""`python -m focusnb.command` is the command `focusnb`."""

import sys

from focusnb.command import main

sys.exit(main())
