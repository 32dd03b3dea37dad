"""The web pages inside Airflow's UI, which show a listener their recommender.

`app.create_app` makes the application. Everything it needs from Airflow (who may read, who may
write, how to trigger a DAG) is passed in, so that this package does not depend on Airflow. Each
page
is a module that turns the lake into a small dataclass, and a template that renders it.
"""
