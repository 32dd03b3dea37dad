"""The web pages: what a listener sees of their recommender, inside Airflow's UI.

`app.create_app` makes the application; what it needs of Airflow - who may read, who may write, how
a DAG is triggered - is lent to it, so that this package does not know Airflow. Each page is a
module that turns the lake into a small data class, and a template that shows it.
"""
