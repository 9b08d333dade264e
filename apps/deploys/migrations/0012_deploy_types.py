from django.db import migrations, models


def _type() -> models.CharField:
    return models.CharField(blank=True, default="", max_length=20)


class Migration(migrations.Migration):
    dependencies = [("deploys", "0011_experiments")]

    operations = [
        migrations.AddField("admission", "deploy_type", _type(), preserve_default=False),
        migrations.AddField("admission", "properties", models.JSONField(default=dict)),
        migrations.AddField("binding", "deploy_type", _type(), preserve_default=False),
        migrations.AddField("binding", "properties", models.JSONField(default=dict)),
        migrations.AddField("deployment", "deploy_type", _type(), preserve_default=False),
    ]
