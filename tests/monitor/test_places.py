from focusnb.monitor.places import dashboards_dir, notebooks_dir


def test_the_dashboards_are_found_with_their_template():
    assert (dashboards_dir() / "monitor.ipynb").is_file()
    assert (dashboards_dir() / "voila" / "templates" / "focusnb" / "index.html.j2").is_file()


def test_the_lessons_are_found():
    assert notebooks_dir().is_dir()


def test_the_page_loads_nothing_from_elsewhere():
    template = dashboards_dir() / "voila" / "templates" / "focusnb" / "index.html.j2"
    text = template.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text
    assert "https://" not in text
