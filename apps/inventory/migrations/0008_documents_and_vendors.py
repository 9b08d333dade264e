from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    """Documents of models, what vendors tell of changes, and what their files hold."""

    dependencies = [
        ('inventory', '0007_ideas'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelDocument',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[("development-document", "development-document"), ("user-guide", "user-guide"), ("monitoring-plan", "monitoring-plan"), ("data-sheet", "data-sheet"), ("validation-report", "validation-report"), ("vendor-file", "vendor-file"), ("other", "other")], max_length=40)),
                ('title', models.CharField(max_length=200)),
                ('label', models.CharField(max_length=80)),
                ('filename', models.CharField(max_length=255)),
                ('expires_on', models.DateField(blank=True, null=True)),
                ('review_on', models.DateField(blank=True, null=True)),
                ('registered_at', models.DateTimeField(auto_now_add=True)),
                ('statement_digest', models.CharField(max_length=71, unique=True)),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='inventory.blob')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='registered_documents', to='inventory.registeredmodel')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('registered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-registered_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='ChangeNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('announces', models.CharField(max_length=120)),
                ('told_on', models.DateField()),
                ('effective_on', models.DateField(blank=True, null=True)),
                ('summary', models.TextField()),
                ('registered_at', models.DateTimeField(auto_now_add=True)),
                ('statement_digest', models.CharField(max_length=71, unique=True)),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='change_notices', to='inventory.registeredmodel')),
                ('registered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('document', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='inventory.modeldocument')),
            ],
            options={
                'ordering': ['-registered_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='VendorReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vendor', models.CharField(max_length=200)),
                ('answers', models.JSONField()),
                ('checklist', models.CharField(max_length=120)),
                ('points', models.PositiveIntegerField()),
                ('of', models.PositiveIntegerField()),
                ('reviewed_at', models.DateTimeField(auto_now_add=True)),
                ('statement_digest', models.CharField(max_length=71, unique=True)),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='vendor_reviews', to='inventory.registeredmodel')),
                ('reviewed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-reviewed_at', '-id'],
            },
        ),
        migrations.AddIndex(
            model_name='modeldocument',
            index=models.Index(fields=['model', 'kind', '-registered_at'], name='document_newest'),
        ),
        migrations.AddConstraint(
            model_name='modeldocument',
            constraint=models.UniqueConstraint(fields=('model', 'kind', 'title', 'label'), name='document_version_once'),
        ),
        migrations.AddConstraint(
            model_name='vendorreview',
            constraint=models.CheckConstraint(condition=models.Q(('points__lte', models.F('of'))), name='review_in_range'),
        ),
        append_only("inventory_modeldocument"),
        append_only("inventory_changenotice"),
        append_only("inventory_vendorreview"),
    ]
