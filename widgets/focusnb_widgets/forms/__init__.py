"""Forms made from parameters: of steps, the project, one's own settings, a new project, an image."""

from focusnb_widgets.forms.form import Form
from focusnb_widgets.forms.image_page import ImagePage
from focusnb_widgets.forms.new_project import NewProject
from focusnb_widgets.forms.parameters import ParameterPanel
from focusnb_widgets.forms.settings import SettingsPanel

__all__ = ["Form", "ImagePage", "NewProject", "ParameterPanel", "SettingsPanel"]
